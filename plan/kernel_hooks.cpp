// SPDX-License-Identifier: Apache-2.0
#include "plan/kernel_hooks.hpp"

#include "annotations/subject.hpp"
#include "plan/subjects.hpp"

namespace socklid {

using annotations::Key;
using annotations::Keys;
using annotations::Policy;
using annotations::Subject;

Hooks every_hook() {
  Hooks hooks;
  for (const HookInfo& row : hook_table) hooks.push_back(row.hook);
  return hooks;
}

// A subject's own policy needs what a container's does.
Causes causes(const Policy& policy, NetnsKind netns) {
  const Asked asked{policy, annotations::given_keys(policy), netns};
  Causes all;
  for (const HookInfo& row : hook_table) all[index_of(row.hook)] = row.because(asked);
  for (const Subject& subject : policy.subjects) {
    const Policy within = annotations::policy_within(policy, subject);
    const Asked by_subject = asked_by(subject, within);
    for (const HookInfo& row : hook_table) {
      if (!row.because(by_subject).empty()) all[index_of(row.hook)] |= Keys{Key::subject};
    }
  }
  return all;
}

Keys causes(Hook hook, const Policy& policy, NetnsKind netns) {
  return causes(policy, netns)[index_of(hook)];
}

Hooks needed_hooks(const Policy& policy, NetnsKind netns) {
  const Causes all = causes(policy, netns);
  Hooks hooks;
  for (const HookInfo& row : hook_table) {
    if (!all[index_of(row.hook)].empty()) hooks.push_back(row.hook);
  }
  return hooks;
}

}  // namespace socklid
