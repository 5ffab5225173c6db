// SPDX-License-Identifier: Apache-2.0
#include "plan/subjects.hpp"

#include <algorithm>

#include "plan/image.hpp"
#include "plan/seal.hpp"

namespace socklid {
namespace {

using annotations::Mark;
using annotations::Policy;
using annotations::Subject;

static_assert(annotations::max_subjects == SL_SUBJECTS && SL_SUBJECT_OTHERS == SL_SUBJECTS - 1);
static_assert(annotations::max_windows == SL_HOURS_WINDOWS);
static_assert(annotations::inherit_all == SL_LEVELS_ALL);

/// In every kind of namespace: loopback is judged like any peer, and the call reports a refusal.
constexpr Placement judged_alone{.netns = NetnsKind::host, .slot = 0};

sl_hours hours_image(const Subject& subject) {
  sl_hours hours{};
  for (const annotations::Window& window : subject.hours) {
    hours.window[hours.windows++] = {.from = window.from, .to = window.to};
  }
  return hours;
}

void number(EndpointLists& lists, std::uint8_t subject) {
  for (PrefixEntry& entry : lists.prefixes) entry.key.subject = subject;
  for (sl_port_key& key : lists.ports) key.subject = subject;
}

SubjectPlan compile_one(const Policy& container, const Subject& subject, std::uint32_t index,
                        std::uint8_t slot) {
  const Policy within = annotations::policy_within(container, subject);
  std::optional<Mark> mark = within.mark;
  if (mark) mark = with_slot(*mark, slot);
  SubjectPlan plan{.name = subject.name,
                   .index = index,
                   .exec = subject.exec,
                   .zone = subject.zone,
                   .lists = lists_of(within),
                   .seal = seal_image(within.seal)};
  plan.image.policy = policy_image(within, judged_alone, mark);
  plan.image.policy.subject = index + 1;
  plan.image.policy.more_flags |= SL_HAS_SUBJECTS;
  // What has hours closes what it does not name, or there would be ways that no hour holds for.
  if (!subject.hours.empty()) plan.image.policy.flags &= ~SL_UNRESTRICTED;
  if (plan.seal) plan.image.seal = *plan.seal;
  plan.image.inherit = subject.inherit;
  plan.image.hours = hours_image(subject);
  number(plan.lists, static_cast<std::uint8_t>(index + 1));
  return plan;
}

}  // namespace

std::vector<SubjectPlan> compile_subjects(const Policy& policy, std::uint8_t slot) {
  std::vector<SubjectPlan> plans;
  std::uint32_t next = 0;
  for (const Subject& subject : policy.subjects) {
    const std::uint32_t index = is_everyone_else(subject) ? SL_SUBJECT_OTHERS : next++;
    plans.push_back(compile_one(policy, subject, index, slot));
  }
  return plans;
}

std::vector<Mark> marks_within(const Policy& policy, Mark mark, std::size_t limit) {
  std::vector<Mark> marks = {mark};
  for (const Subject& subject : policy.subjects) {
    if (!subject.policy.mark) continue;
    const std::uint32_t mask = subject.policy.mark->mask & mark.mask;
    // Everyone else is in no other subject.
    const std::size_t before = is_everyone_else(subject) ? 1 : marks.size();
    for (std::size_t i = 0; i < before && marks.size() <= limit; ++i) {
      const Mark made{(marks[i].value & ~mask) | (subject.policy.mark->value & mask), mark.mask};
      if (std::find(marks.begin(), marks.end(), made) == marks.end()) marks.push_back(made);
    }
  }
  return marks;
}

Asked asked_by(const Subject& subject, const Policy& within) {
  Asked asked{within, annotations::given_keys(within), NetnsKind::host};
  if (!subject.hours.empty()) asked.given |= timed_keys;
  return asked;
}

}  // namespace socklid
