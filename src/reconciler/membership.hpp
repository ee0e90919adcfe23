// The prebuilds user belongs to every organization with prebuilds, with a quota group of its own.
#pragma once

#include <set>

#include "pg/spi.hpp"

namespace prebuilds::reconciler {

struct MembershipChange {
  core::Uuid organization;
  std::string organization_name;
  bool member_added = false;
  bool group_added = false;
  bool group_member_added = false;
};

// Whether nothing is missing in these organizations, found by index: reading all organizations takes five
// times as long to start.
bool memberships_complete(const std::set<core::Uuid> &organizations);

// Inserts what is missing, and tells what that was; one read when all is in place. What another session
// inserts at the same time is no error: this one waits for it.
std::vector<MembershipChange> reconcile_membership(core::Instant now);

// The same without waiting, for a pass. How many organizations were left to the next one, because somebody
// else is at it.
int reconcile_free_memberships(core::Instant now);

}  // namespace prebuilds::reconciler
