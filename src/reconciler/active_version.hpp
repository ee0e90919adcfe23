// Which version a template keeps in stock, from its row. Only inside of call().
#pragma once

#include "core/preset.hpp"
#include "pg/datum.hpp"

namespace prebuilds::reconciler {

// Of rows of templates, however they are read.
class ActiveVersionReader {
 public:
  template <class Table>
  explicit ActiveVersionReader(const Table &templates)
      : active_version_id_(templates.column("active_version_id")),
        deleted_(templates.column("deleted")),
        deprecated_(templates.column("deprecated")) {}

  // None: the template has none, or is deleted or deprecated. It may be a version of another template, or
  // gone.
  template <class Table>
  std::optional<core::Uuid> read(Table &row) const {
    if (row.is_null(active_version_id_)) return std::nullopt;
    const core::Uuid version = pg::to_uuid(row.value(active_version_id_));
    return activity(row, version) == core::Activity::active ? std::optional(version) : std::nullopt;
  }

  // What the presets of a version of the template are.
  template <class Table>
  core::Activity activity(Table &row, const core::Uuid &version) const {
    if (DatumGetBool(row.value(deleted_))) return core::Activity::template_deleted;
    if (!pg::is_empty(row.value(deprecated_))) return core::Activity::template_deprecated;
    if (row.is_null(active_version_id_) || pg::to_uuid(row.value(active_version_id_)) != version)
      return core::Activity::other_version;
    return core::Activity::active;
  }

 private:
  AttrNumber active_version_id_, deleted_, deprecated_;
};

}  // namespace prebuilds::reconciler
