// A prebuild configuration in the tables that it is in. Only inside of call().
#pragma once

#include "pg/index_scan.hpp"
#include "reconciler/active_version.hpp"
#include "reconciler/demand.hpp"

namespace prebuilds::reconciler {

// Preset, version and template, one configuration after the other, under the active snapshot.
class ConfigurationScan {
 public:
  // False: this is no prebuild configuration. What is asked below is of the one that was found last.
  bool find(const core::Uuid &preset) {
    presets_.start(preset);
    if (!presets_.next() || presets_.is_null(desired_instances_)) return false;
    versions_.start(pg::to_uuid(presets_.value(version_id_)));
    if (!versions_.next()) return false;
    templates_.start(pg::to_uuid(versions_.value(template_id_)));
    return templates_.next();
  }
  core::Demand demand() { return demand_.read(presets_); }
  core::Activity activity() {
    return active_version_.activity(templates_, pg::to_uuid(presets_.value(version_id_)));
  }
  core::Uuid organization() { return pg::to_uuid(templates_.value(organization_id_)); }

  pg::IndexScan &preset() { return presets_; }
  pg::IndexScan &version() { return versions_; }
  pg::IndexScan &of_template() { return templates_; }

  void end() {
    presets_.end();
    versions_.end();
    templates_.end();
  }

 private:
  pg::IndexScan presets_{"template_version_presets", "template_version_presets_pkey"};
  AttrNumber version_id_ = presets_.column("template_version_id");
  AttrNumber desired_instances_ = presets_.column("desired_instances");
  DemandReader demand_{presets_};

  pg::IndexScan versions_{"template_versions", "template_versions_pkey"};
  AttrNumber template_id_ = versions_.column("template_id");

  pg::IndexScan templates_{"templates", "templates_pkey"};
  AttrNumber organization_id_ = templates_.column("organization_id");
  ActiveVersionReader active_version_{templates_};
};
static_assert(std::is_trivially_destructible_v<ConfigurationScan>);

}  // namespace prebuilds::reconciler
