// SPDX-License-Identifier: Apache-2.0
#include "plan/reasons.hpp"

#include "annotations/subject.hpp"
#include "plan/subjects.hpp"

namespace socklid {

using annotations::Keys;
using annotations::Policy;

Keys causes(sl_reason reason, const Policy& policy, NetnsKind netns) {
  const Because because = reason_table.at(reason).because;
  const Keys given = annotations::given_keys(policy);
  const Keys own = because({policy, given, netns});
  if (policy.subjects.empty()) return own;
  Keys keys = own & given;
  for (const annotations::Subject& subject : policy.subjects) {
    const Policy within = annotations::policy_within(policy, subject);
    const Asked asked = asked_by(subject, within);
    if (!(because(asked) & asked.given).empty()) keys |= Keys{annotations::Key::subject};
  }
  return keys.empty() ? own : keys;
}

std::string_view annotation_of(sl_reason reason) {
  const ReasonInfo& row = reason_table.at(reason);
  if (!row.general.empty()) return row.general;
  const auto names = causes(reason, {}, NetnsKind::own).names();
  return names.empty() ? std::string_view() : names.front();
}

}  // namespace socklid
