// SPDX-License-Identifier: Apache-2.0
#include "plan/kernel_hooks.hpp"

namespace socklid {

using annotations::Keys;
using annotations::Policy;

Hooks every_hook() {
  Hooks hooks;
  for (const HookInfo& row : hook_table) hooks.push_back(row.hook);
  return hooks;
}

Hooks needed_hooks(const Policy& policy, NetnsKind netns) {
  const Asked asked{policy, annotations::given_keys(policy), netns};
  Hooks hooks;
  for (const HookInfo& row : hook_table) {
    if (!row.because(asked).empty()) hooks.push_back(row.hook);
  }
  return hooks;
}

Keys causes(Hook hook, const Policy& policy, NetnsKind netns) {
  return row_of(hook).because({policy, annotations::given_keys(policy), netns});
}

}  // namespace socklid
