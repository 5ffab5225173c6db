// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.hpp"

#include "annotations/subject.hpp"
#include "plan/image.hpp"
#include "plan/notes.hpp"
#include "plan/seal.hpp"
#include "plan/subjects.hpp"

namespace socklid {
namespace {

/// The mark that `egress` takes where none is given: any will do in a namespace of its own.
constexpr annotations::Mark taken_mark{1, annotations::default_mark_mask};

}  // namespace

Plan compile(const annotations::Policy& policy, Placement placement) {
  Plan plan;
  plan.rules = policy.egress && placement.netns != NetnsKind::host;
  plan.mark = policy.mark;
  if (plan.rules && !plan.mark) plan.mark = taken_mark;
  if (plan.rules && plan.mark) plan.mark = with_slot(*plan.mark, placement.slot);
  plan.image = policy_image(policy, placement, plan.mark);
  plan.seal = seal_image(policy.seal);
  plan.lists = lists_of(policy);
  plan.hooks = needed_hooks(policy, placement.netns);
  plan.subjects = compile_subjects(policy, plan.rules ? placement.slot : std::uint8_t{0});
  plan.readonly = policy.readonly;
  if (!plan.subjects.empty()) plan.image.more_flags |= SL_HAS_SUBJECTS;
  if (!plan.subjects.empty() || !plan.readonly.empty()) plan.image.more_flags |= SL_HAS_FILES;
  plan.notes = notes_on(policy, plan, placement);
  return plan;
}

bool depends_on_others(const Plan& plan) {
  return (plan.image.flags & (SL_CONNECT_BY_PACKET | SL_OPEN_UDP_PORTS)) != 0;
}

}  // namespace socklid
