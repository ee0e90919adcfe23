// The names that SQL has for what the core decides.
#pragma once

#include <optional>
#include <string_view>

#include "core/decide.hpp"

namespace prebuilds::reconciler {

const char *name_of(core::ActionKind kind);
const char *name_of(core::DesiredSource source);
const char *name_of(core::PrebuildStatus status);
// None where there is nothing to tell apart.
std::optional<std::string_view> name_of(core::Cause cause);

}  // namespace prebuilds::reconciler
