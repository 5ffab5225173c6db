// SPDX-License-Identifier: Apache-2.0
#include "guard/expected.hpp"

#include "annotations/parser.hpp"
#include "guard/guard.hpp"
#include "plan/rules/rules.hpp"

namespace socklid {

std::optional<Hook> find_hook(std::string_view wanted) {
  for (const Hook hook : every_hook()) {
    if (name(hook) == wanted) return hook;
  }
  return std::nullopt;
}

Result<Expected> expected_of(const StoreEntry& entry, const Details& details) {
  if (!entry.record) return fail(Exit::store, entry.key, ": has no record");
  const Record& record = *entry.record;
  Expected expected{.key = entry.key,
                    .hash = record.object_hash,
                    .cgroup_id = record.cgroup_id,
                    .netns = record.netns,
                    .pid = static_cast<pid_t>(record.pid),
                    .start_time = record.start_time,
                    .pid_namespace = record.view ? record.view->pid_namespace : 0,
                    .hooks = details.hooks,
                    .has_rules = record.rules,
                    .table = table_name(record.placement.slot),
                    .comment = table_comment(record.id, record.cgroup_id),
                    .exact = record.object_hash == object_hash(),
                    .plan = {},
                    .looked_up = {},
                    .rules = std::nullopt};
  if (!expected.exact) return expected;
  const auto policy = annotations::parse(details.annotations, details.container);
  if (!policy) return fail(Exit::store, "its record: ", policy.error().message);
  expected.plan = compile(*policy, record.placement);
  expected.looked_up = details.looked_up;
  expected.hooks.clear();
  for (const Hook hook : expected.plan.hooks) expected.hooks.emplace_back(name(hook));
  expected.has_rules = expected.plan.rules && expected.plan.mark;
  if (expected.has_rules) {
    expected.rules = compile_rules(*policy, *expected.plan.mark, record.placement.slot, record.id,
                                   record.cgroup_id);
  }
  return expected;
}

}  // namespace socklid
