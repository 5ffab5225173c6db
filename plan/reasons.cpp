// SPDX-License-Identifier: Apache-2.0
#include "plan/reasons.hpp"

namespace socklid {

using annotations::Keys;
using annotations::Policy;

Keys causes(sl_reason reason, const Policy& policy, NetnsKind netns) {
  return reason_table.at(reason).because({policy, annotations::given_keys(policy), netns});
}

std::string_view annotation_of(sl_reason reason) {
  const ReasonInfo& row = reason_table.at(reason);
  if (!row.general.empty()) return row.general;
  const auto names = causes(reason, {}, NetnsKind::own).names();
  return names.empty() ? std::string_view() : names.front();
}

}  // namespace socklid
