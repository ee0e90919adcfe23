#include "reconciler/names.hpp"

namespace prebuilds::reconciler {

const char *name_of(core::ActionKind kind) {
  switch (kind) {
    case core::ActionKind::cancel_pending: return "cancel_pending";
    case core::ActionKind::delete_prebuilds: return "delete";
    case core::ActionKind::create: return "create";
    case core::ActionKind::backoff: return "backoff";
    case core::ActionKind::withhold: return "withhold";
  }
  return "";
}

const char *name_of(core::DesiredSource source) {
  switch (source) {
    case core::DesiredSource::static_count: return "static";
    case core::DesiredSource::schedule: return "schedule";
    case core::DesiredSource::inactive: return "inactive";
  }
  return "";
}

const char *name_of(core::PrebuildStatus status) {
  switch (status) {
    case core::PrebuildStatus::healthy: return "healthy";
    case core::PrebuildStatus::hard_limited: return "hard_limited";
    case core::PrebuildStatus::validation_failed: return "validation_failed";
  }
  return "";
}

std::optional<std::string_view> name_of(core::Cause cause) {
  switch (cause) {
    case core::Cause::none: return std::nullopt;
    case core::Cause::expired: return "expired";
    case core::Cause::extraneous: return "extraneous";
    case core::Cause::inactive: return "inactive";
    case core::Cause::hard_limited: return "hard_limited";
    case core::Cause::validation_failed: return "validation_failed";
    case core::Cause::cap: return "cap";
  }
  return std::nullopt;
}

}  // namespace prebuilds::reconciler
