// The prebuilds user belongs to every organization with prebuilds, with a quota group of its own.
#pragma once

#include "pg/spi.hpp"

namespace prebuilds::reconciler {

struct MembershipChange {
  core::Uuid organization;
  std::string organization_name;
  bool member_added = false;
  bool group_added = false;
  bool group_member_added = false;
};

// Inserts what is missing; what another session has just inserted is no error. One read when all is in place.
std::vector<MembershipChange> reconcile_membership(core::Instant now);

}  // namespace prebuilds::reconciler
