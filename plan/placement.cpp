// SPDX-License-Identifier: Apache-2.0
#include "plan/placement.hpp"

#include <algorithm>

#include "annotations/subject.hpp"
#include "base/text.hpp"
#include "plan/causes.hpp"
#include "plan/endpoint_lists.hpp"
#include "plan/subjects.hpp"

namespace socklid {
namespace {

using annotations::Key;
using annotations::Policy;
using annotations::Protocol;
using annotations::Subject;

constexpr std::string_view own_table = "socklid";

bool names_sctp(const Policy& policy) {
  return names(named(policy.egress), Protocol::sctp) ||
         names(named(policy.connect), Protocol::sctp);
}

/// A server's first answers have no mark, and further peers are chosen by the other side.
Failure fail_sctp(std::string_view where) {
  return fail(Exit::unsupported,
              concat("io.socklid.egress in ", where,
                     " cannot hold sctp, which the policy names: leave sctp out, or give the "
                     "container a network namespace of its own"),
              {.key = name_of(Key::egress)});
}

Result<> check_host(const Policy& policy, NetnsKind netns) {
  const bool judged = policy.egress && netns == NetnsKind::host;
  if (judged && names_sctp(policy)) return fail_sctp("the host's network namespace");
  return {};
}

/// What a subject cannot have anywhere, or not beside the container's `egress`.
Result<> check_subject(const Policy& container, const Subject& subject, NetnsKind netns) {
  const std::string key = concat("io.socklid.subject.", subject.name);
  if (names_sctp(subject.policy)) {
    return fail(Exit::unsupported,
                concat(key,
                       ": sctp: the kernel does not say who made the socket where its "
                       "peers are chosen: leave sctp out"),
                {.key = name_of(Key::subject)});
  }
  const auto& mark = subject.policy.mark;
  if (container.egress && netns != NetnsKind::host && mark && (mark->mask & slot_mask) != 0) {
    return fail(Exit::unsupported,
                concat(key, ": mark: ", annotations::to_string(*mark),
                       " claims bits 24..31, by which io.socklid.egress tells containers apart: "
                       "use a mask within 0x00ffffff"),
                {.key = name_of(Key::subject)});
  }
  return {};
}

std::vector<NamedLists> shares_of(const Policy& policy) {
  const auto lists_of = [](std::string prefix, const Policy& one) {
    return NamedLists{std::move(prefix), &named(one.connect), &named(one.bind),
                      one.egress ? &*one.egress : nullptr};
  };
  std::vector<NamedLists> shares = {lists_of("io.socklid.", policy)};
  for (const Subject& subject : policy.subjects) {
    shares.push_back(lists_of(concat("io.socklid.subject.", subject.name, ": "), subject.policy));
  }
  return shares;
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

annotations::Mark with_slot(annotations::Mark mark, std::uint8_t slot) {
  if (slot == 0) return mark;
  return {mark.value | std::uint32_t{slot} << slot_shift, mark.mask | slot_mask};
}

Result<> check_placement(const Policy& policy, NetnsKind netns) {
  SL_CHECK(check_share(shares_of(policy)));
  for (const Subject& subject : policy.subjects) SL_CHECK(check_subject(policy, subject, netns));
  if (!policy.egress || netns == NetnsKind::host) return check_host(policy, netns);
  const std::size_t marks =
      marks_within(policy, policy.mark.value_or(annotations::Mark{}), max_marks).size();
  if (marks > max_marks) {
    return fail(
        Exit::unsupported,
        concat("io.socklid.subject.NAME: the marks of the subjects come to more than ", max_marks,
               " together, the limit beside io.socklid.egress: give fewer, or let them "
               "have the same mask"),
        {.key = name_of(Key::subject)});
  }
  if (netns == NetnsKind::own) return {};
  if (names_sctp(policy)) return fail_sctp("a shared network namespace");
  if (policy.mark && (policy.mark->mask & slot_mask) != 0) {
    return fail(Exit::unsupported,
                "io.socklid.mark: " + annotations::to_string(*policy.mark) +
                    " claims bits 24..31, by which io.socklid.egress tells the containers in a "
                    "shared network namespace apart: use a mask within 0x00ffffff",
                {.key = "io.socklid.mark"});
  }
  return {};
}

Result<> check_author(const Policy& policy, NetnsKind netns, bool is_pods_author) {
  if (netns != NetnsKind::host || !is_pods_author) return {};
  const bool subject = std::any_of(policy.subjects.begin(), policy.subjects.end(),
                                   [](const Subject& one) { return one.policy.mark.has_value(); });
  if (!policy.mark && !subject) return {};
  const Key key = policy.mark ? Key::mark : Key::subject;
  return fail(Exit::unsupported,
              concat(name_of(key), policy.mark ? "" : ": mark",
                     ": in the host's network namespace the administrator's own rules trust marks, "
                     "and a pod's author has written this one: take it out, or give the pod a "
                     "network namespace of its own (hostNetwork: false)"),
              {.key = name_of(key)});
}

}  // namespace socklid
