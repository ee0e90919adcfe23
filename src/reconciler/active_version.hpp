// Which version a template keeps in stock, from its row. Only inside of call().
#pragma once

#include "core/uuid.hpp"
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
    if (row.is_null(active_version_id_) || DatumGetBool(row.value(deleted_)) ||
        !pg::is_empty(row.value(deprecated_)))
      return std::nullopt;
    return pg::to_uuid(row.value(active_version_id_));
  }

 private:
  AttrNumber active_version_id_, deleted_, deprecated_;
};

}  // namespace prebuilds::reconciler
