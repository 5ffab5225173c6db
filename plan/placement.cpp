// SPDX-License-Identifier: Apache-2.0
#include "plan/placement.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "plan/endpoint_lists.hpp"

namespace socklid {
namespace {

using annotations::Endpoint;
using annotations::Policy;
using annotations::Protocol;

constexpr std::string_view own_table = "socklid";

bool names_sctp(const std::vector<Endpoint>& endpoints) {
  return std::any_of(endpoints.begin(), endpoints.end(),
                     [](const Endpoint& one) { return one.protocol == Protocol::sctp; });
}

}  // namespace

std::string_view name_of(NetnsKind kind) {
  switch (kind) {
    case NetnsKind::own:
      return "own";
    case NetnsKind::shared:
      return "shared";
    case NetnsKind::host:
      return "host";
  }
  return "";
}

std::string table_name(std::uint8_t slot) {
  std::string name(own_table);
  if (slot != 0) name.append("_").append(std::to_string(slot));
  return name;
}

std::optional<std::uint8_t> slot_of_table(std::string_view name) {
  if (name == own_table) return std::uint8_t{0};
  const std::size_t digits = own_table.size() + 1;
  if (name.size() <= digits) return std::nullopt;
  const auto slot = parse_number<unsigned>(name.substr(digits));
  if (!slot || *slot < 1 || *slot > slot_max) return std::nullopt;
  const auto found = static_cast<std::uint8_t>(*slot);
  return name == table_name(found) ? std::optional(found) : std::nullopt;
}

Result<> check_placement(const Policy& policy, NetnsKind netns) {
  SL_CHECK(check_share(named(policy.connect), named(policy.bind),
                       policy.egress ? &*policy.egress : nullptr));
  if (!policy.egress || netns == NetnsKind::own) return {};
  const std::string where =
      netns == NetnsKind::host ? "the host's network namespace" : "a shared network namespace";
  // A server's first answers have no mark, and further peers are chosen by the other side.
  if (names_sctp(*policy.egress) || names_sctp(named(policy.connect))) {
    return fail(Exit::unsupported,
                "io.socklid.egress in " + where +
                    " cannot hold sctp, which the policy names: leave sctp out, or give the "
                    "container a network namespace of its own",
                {.key = "io.socklid.egress"});
  }
  if (netns == NetnsKind::shared && policy.mark && (policy.mark->mask & slot_mask) != 0) {
    return fail(Exit::unsupported,
                "io.socklid.mark: " + annotations::to_string(*policy.mark) +
                    " claims bits 24..31, by which io.socklid.egress tells the containers in a "
                    "shared network namespace apart: use a mask within 0x00ffffff",
                {.key = "io.socklid.mark"});
  }
  return {};
}

Result<> check_author(const Policy& policy, NetnsKind netns, bool is_pods_author) {
  if (!policy.mark || netns != NetnsKind::host || !is_pods_author) return {};
  return fail(Exit::unsupported,
              "io.socklid.mark: in the host's network namespace a mark is a key to the "
              "administrator's own rules, and a pod's author has written this one: take it out, or "
              "give the pod a network namespace of its own (hostNetwork: false)",
              {.key = "io.socklid.mark"});
}

}  // namespace socklid
