// SPDX-License-Identifier: Apache-2.0
#include "selftest/policy.hpp"

#include <array>
#include <string>

namespace socklid::selftest {
namespace {

/// named_port on named4 and named6.
constexpr std::string_view named_list =
    "tcp/4747@10.231.7.9 tcp/4747@fd5e:1f::9 udp/4747@10.231.7.9 udp/4747@fd5e:1f::9";
/// served_port.
constexpr std::string_view served_list = "tcp/4748 udp/4748";

constexpr std::array usual_policies{Policy::verbs, Policy::egress, Policy::both};
constexpr std::array own_policy{Policy::own};

}  // namespace

std::span<const Policy> policies_of(const Row& row) {
  if (row.own) return own_policy;
  return usual_policies;
}

std::string_view name_of(Policy policy) {
  switch (policy) {
    case Policy::nothing:
      return "nothing";
    case Policy::verbs:
      return "verbs";
    case Policy::egress:
      return "egress";
    case Policy::both:
      return "both";
    case Policy::own:
      return "own";
  }
  return "?";
}

Guard guard_of(const Stops& stops, Policy policy) {
  if (policy == Policy::verbs) return stops.verbs;
  return policy == Policy::egress ? stops.egress : stops.both;
}

Result<annotations::Annotations> annotations_of(Policy policy, const Row& row) {
  annotations::Annotations wanted;
  if (policy == Policy::nothing) return wanted;
  if (policy == Policy::verbs || policy == Policy::both) {
    wanted["io.socklid.connect"] = named_list;
    wanted["io.socklid.bind"] = served_list;
  }
  if (policy == Policy::egress || policy == Policy::both) wanted["io.socklid.egress"] = named_list;
  // Many rows arm themselves by a sysctl: what they are for must hold where a policy opens these.
  if (policy != Policy::own) wanted["io.socklid.deputies"] = "sysctl";
  for (const std::string_view assignment : row.annotations) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string_view::npos) {
      return fail(Exit::internal, row.name, ": not KEY=VALUE: ", assignment);
    }
    wanted[std::string(assignment.substr(0, equals))] = assignment.substr(equals + 1);
  }
  return wanted;
}

}  // namespace socklid::selftest
