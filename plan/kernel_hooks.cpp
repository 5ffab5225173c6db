// SPDX-License-Identifier: Apache-2.0
#include "plan/kernel_hooks.hpp"

#include "annotations/subject.hpp"
#include "plan/subjects.hpp"

namespace socklid {

using annotations::Key;
using annotations::Keys;
using annotations::Policy;
using annotations::Subject;

namespace {

/// A subject's own policy needs what a container's does.
Keys keys_behind(const HookInfo& row, const Policy& policy, NetnsKind netns) {
  Keys keys = row.because({policy, annotations::given_keys(policy), netns});
  for (const Subject& subject : policy.subjects) {
    const Policy within = annotations::policy_within(policy, subject);
    if (!row.because(asked_by(subject, within)).empty()) keys |= Keys{Key::subject};
  }
  return keys;
}

}  // namespace

Hooks every_hook() {
  Hooks hooks;
  for (const HookInfo& row : hook_table) hooks.push_back(row.hook);
  return hooks;
}

Hooks needed_hooks(const Policy& policy, NetnsKind netns) {
  Hooks hooks;
  for (const HookInfo& row : hook_table) {
    if (!keys_behind(row, policy, netns).empty()) hooks.push_back(row.hook);
  }
  return hooks;
}

Keys causes(Hook hook, const Policy& policy, NetnsKind netns) {
  return keys_behind(row_of(hook), policy, netns);
}

}  // namespace socklid
