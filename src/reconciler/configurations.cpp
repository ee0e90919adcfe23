#include "reconciler/configurations.hpp"

#include "reconciler/configuration_scan.hpp"

namespace prebuilds::reconciler {

namespace {

struct Found {
  Configuration configuration;
  TimestampTz version_created_at;
};

// The four tables, and the columns that matter. Only inside of call().
class Sources {
 public:
  void read(const core::Uuid &preset, std::vector<Found> &found) {
    if (!configurations_.find(preset)) return;
    organizations_.start(configurations_.organization());
    if (organizations_.next()) fill(found.emplace_back());
  }

  void end() {
    configurations_.end();
    organizations_.end();
  }

 private:
  // Only into what lives outside of call().
  void fill(Found &found) {
    core::PresetSnapshot &preset = found.configuration.preset;
    preset.id = pg::to_uuid(presets_.value(preset_id_));
    preset.organization_id = configurations_.organization();
    preset.template_id = pg::to_uuid(templates_.value(template_id_));
    preset.template_version_id = pg::to_uuid(versions_.value(version_id_));
    pg::assign(preset.name, presets_.value(preset_name_));
    pg::assign(preset.organization_name, organizations_.value(organization_name_));
    pg::assign(preset.template_name, templates_.value(template_name_));
    pg::assign(preset.template_version_name, versions_.value(version_name_));
    preset.created_at = pg::to_instant(DatumGetTimestampTz(presets_.value(created_at_)));
    preset.activity = configurations_.activity();
    const core::Demand demand = configurations_.demand();
    preset.prebuild_status = demand.prebuild_status;
    preset.desired_instances = demand.desired_instances;
    pg::assign(preset.scheduling_timezone, presets_.value(scheduling_timezone_));
    preset.ttl = demand.ttl;
    preset.last_invalidated_at = demand.last_invalidated_at;
    if (!presets_.is_null(failures_reset_at_))
      found.configuration.failures_reset_at =
          pg::to_instant(DatumGetTimestampTz(presets_.value(failures_reset_at_)));
    found.version_created_at = DatumGetTimestampTz(versions_.value(version_created_at_));
  }

  ConfigurationScan configurations_;

  pg::IndexScan &presets_ = configurations_.preset();
  AttrNumber preset_id_ = presets_.column("id");
  AttrNumber preset_name_ = presets_.column("name");
  AttrNumber created_at_ = presets_.column("created_at");
  AttrNumber scheduling_timezone_ = presets_.column("scheduling_timezone");
  AttrNumber failures_reset_at_ = presets_.column("failures_reset_at");

  pg::IndexScan &versions_ = configurations_.version();
  AttrNumber version_id_ = versions_.column("id");
  AttrNumber version_name_ = versions_.column("name");
  AttrNumber version_created_at_ = versions_.column("created_at");

  pg::IndexScan &templates_ = configurations_.of_template();
  AttrNumber template_id_ = templates_.column("id");
  AttrNumber template_name_ = templates_.column("name");

  pg::IndexScan organizations_{"organizations", "organizations_pkey"};
  AttrNumber organization_name_ = organizations_.column("name");
};
static_assert(std::is_trivially_destructible_v<Sources>);

template <class T>
int compare(const T &a, const T &b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

// Names need not be unique: templates and organizations of one name may be deleted ones. Only inside of
// call().
int compare_places(const Found &a, const Found &b) {
  CHECK_FOR_INTERRUPTS();
  const core::PresetSnapshot &first = a.configuration.preset;
  const core::PresetSnapshot &second = b.configuration.preset;
  if (first.template_id != second.template_id) {
    if (const int order = pg::compare(first.organization_name, second.organization_name)) return order;
    if (const int order = pg::compare(first.template_name, second.template_name)) return order;
    return compare(first.template_id, second.template_id);
  }
  if (const int order = compare(a.version_created_at, b.version_created_at)) return order;
  if (const int order = compare(first.template_version_id, second.template_version_id)) return order;
  return pg::compare(first.name, second.name);
}

// Their positions. By PostgreSQL's sort, which a collation that contradicts itself leads to a wrong order, and
// not out of bounds.
std::vector<std::size_t> in_order(const std::vector<Found> &found) {
  std::vector<std::size_t> order(found.size());
  for (std::size_t i = 0; i < order.size(); i++) order[i] = i;
  pg::call([&] {
    const auto compare_positions = [](const void *a, const void *b, void *all) {
      const auto *places = static_cast<const Found *>(all);
      return compare_places(places[*static_cast<const std::size_t *>(a)],
                            places[*static_cast<const std::size_t *>(b)]);
    };
    qsort_arg(order.data(), order.size(), sizeof(std::size_t), compare_positions,
              const_cast<Found *>(found.data()));
  });
  return order;
}

}  // namespace

std::vector<Configuration> load_configurations(std::span<const core::Uuid> presets) {
  std::vector<Found> found;
  found.reserve(presets.size());
  pg::call([&] {
    Sources sources;
    for (const core::Uuid &preset : presets) {
      CHECK_FOR_INTERRUPTS();
      sources.read(preset, found);
    }
    sources.end();
  });
  std::vector<Configuration> configurations;
  configurations.reserve(found.size());
  for (const std::size_t i : in_order(found)) configurations.push_back(std::move(found[i].configuration));
  return configurations;
}

}  // namespace prebuilds::reconciler
