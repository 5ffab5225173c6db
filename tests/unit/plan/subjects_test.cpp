// SPDX-License-Identifier: Apache-2.0
//
// From subjects to what the kernel is given of each. Fails when a subject's image says something
// else than a container's of the same policy would, when a hook that only a subject needs is
// missing, or when the rules know other marks than sockets can have.
#include "plan/subjects.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "annotations/parser.hpp"
#include "plan/image.hpp"
#include "plan/kernel_hooks.hpp"
#include "plan/rules/rules.hpp"

namespace socklid {
namespace {

using annotations::Annotations;
using annotations::Key;
using annotations::Keys;
using annotations::Mark;
using annotations::Policy;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Policy policy_of(const Annotations& annotations) {
  auto policy = annotations::parse(annotations);
  if (!policy) ADD_FAILURE() << policy.error().message;
  return policy ? *policy : Policy{};
}

Plan plan_of(const Annotations& annotations, Placement placement = {}) {
  return compile(policy_of(annotations), placement);
}

/// The plan of the one subject with these members.
SubjectPlan subject_plan(const std::string& members, const Annotations& more = {}) {
  Annotations annotations = more;
  annotations["io.socklid.subject.sshd"] = "/usr/sbin/sshd " + members;
  return plan_of(annotations).subjects.at(0);
}

bool has(const Plan& plan, Hook hook) {
  return std::find(plan.hooks.begin(), plan.hooks.end(), hook) != plan.hooks.end();
}

std::string refusal(const Annotations& annotations, NetnsKind netns) {
  const auto checked = check_placement(policy_of(annotations), netns);
  return checked ? "" : checked.error().message;
}

TEST(Subjects, AreNumberedByTheirNamesAndEveryoneElseIsLast) {
  const Plan plan = plan_of({{"io.socklid.subject.b", "/b mark=1"},
                             {"io.socklid.subject.a", "* mark=1"},
                             {"io.socklid.subject.c", "/c /d mark=1"}});
  ASSERT_EQ(plan.subjects.size(), 3U);
  EXPECT_EQ(plan.subjects[0].index, SL_SUBJECT_OTHERS);
  EXPECT_EQ(plan.subjects[1].index, 0U);
  EXPECT_EQ(plan.subjects[2].index, 1U);
  EXPECT_EQ(plan.subjects[2].image.policy.subject, 2U);
  EXPECT_THAT(plan.subjects[2].exec, ElementsAre("/c", "/d"));
  EXPECT_TRUE(plan.subjects[0].exec.empty());
}

TEST(Subjects, AndFilesAreKnownByTheContainersImage) {
  const auto flags = [](const Annotations& annotations) {
    return plan_of(annotations).image.more_flags & (SL_HAS_SUBJECTS | SL_HAS_FILES);
  };
  EXPECT_EQ(flags({{"io.socklid.connect", "deny"}}), 0U);
  EXPECT_EQ(flags({{"io.socklid.readonly", "/usr/sbin"}}), SL_HAS_FILES);
  EXPECT_EQ(flags({{"io.socklid.subject.a", "/a mark=1"}}), SL_HAS_SUBJECTS | SL_HAS_FILES);
  EXPECT_NE(subject_plan("mark=1").image.policy.more_flags & SL_HAS_SUBJECTS, 0U);
  EXPECT_EQ(plan_of({{"io.socklid.readonly", "/a !/a/b"}}).readonly.size(), 2U);
}

TEST(Subjects, RestrictThemselvesAndNotTheContainer) {
  const Plan plan = plan_of({{"io.socklid.subject.a", "/a create=deny bind=tcp/22"}});
  EXPECT_NE(plan.image.flags & SL_UNRESTRICTED, 0U);
  EXPECT_NE(plan.image.flags & SL_ALLOW_CREATE, 0U);
  EXPECT_EQ(plan.image.flags & SL_ALLOW_BPF, 0U);
  const sl_policy& image = plan.subjects.at(0).image.policy;
  EXPECT_EQ(image.flags & (SL_UNRESTRICTED | SL_ALLOW_CREATE | SL_ALLOW_BIND), 0U);
  EXPECT_NE(image.flags & SL_CONFIGURED, 0U);
  EXPECT_TRUE(plan.lists.empty());
  EXPECT_FALSE(plan.subjects.at(0).lists.empty());
}

TEST(Subjects, HaveTheImageOfAContainersPolicyInTheHostsNamespace) {
  const std::string members[] = {"create.tcp=deny", "connect=tcp/80",      "bind=tcp@127.0.0.1",
                                 "mark=0x5/0xff",   "egress=tcp/22",       "egress= otherwise=drop",
                                 "shutdown=deny",   "families=inet+packet"};
  for (const std::string& one : members) {
    Annotations keys;
    std::size_t begin = 0;
    while (begin < one.size()) {
      const std::size_t end = std::min(one.find(' ', begin), one.size());
      const std::string word = one.substr(begin, end - begin);
      std::string value = word.substr(word.find('=') + 1);
      std::replace(value.begin(), value.end(), '+', ' ');
      keys["io.socklid." + word.substr(0, word.find('='))] = value;
      begin = end + 1;
    }
    sl_policy expected = policy_image(policy_of(keys), {NetnsKind::host, 0}, policy_of(keys).mark);
    expected.subject = 1;
    expected.more_flags |= SL_HAS_SUBJECTS;
    const SubjectPlan plan = subject_plan(one);
    EXPECT_EQ(std::memcmp(&plan.image.policy, &expected, sizeof(expected)), 0) << one;
  }
}

TEST(Subjects, HaveLoopbackJudgedInEveryNamespace) {
  for (const NetnsKind kind : {NetnsKind::own, NetnsKind::shared, NetnsKind::host}) {
    const Plan plan = plan_of({{"io.socklid.subject.a", "/a egress=tcp/22"}}, {kind, 0});
    const std::uint32_t flags = plan.subjects.at(0).image.policy.flags;
    EXPECT_EQ(flags & (SL_JUDGE_PACKETS | SL_REFUSE_AT_CALL | SL_LOOPBACK_IS_FREE),
              SL_JUDGE_PACKETS | SL_REFUSE_AT_CALL);
    EXPECT_FALSE(plan.rules);
    EXPECT_FALSE(plan.mark);
    EXPECT_TRUE(has(plan, Hook::inet_egress) && has(plan, Hook::inet_ingress));
  }
  EXPECT_EQ(subject_plan("egress=tcp/22 otherwise=drop").image.policy.flags & SL_REFUSE_AT_CALL,
            0U);
}

TEST(Subjects, HaveTheirNumberInTheirLists) {
  const Plan plan = plan_of({{"io.socklid.bind", "tcp/1"},
                             {"io.socklid.subject.a", "/a bind=tcp/22 connect=tcp/80"},
                             {"io.socklid.subject.others", "* bind=udp/5 egress=udp/53"}});
  const auto numbers = [](const EndpointLists& lists, unsigned number) {
    return std::all_of(lists.prefixes.begin(), lists.prefixes.end(),
                       [&](const PrefixEntry& one) { return one.key.subject == number; }) &&
           std::all_of(lists.ports.begin(), lists.ports.end(),
                       [&](const sl_port_key& one) { return one.subject == number; });
  };
  EXPECT_TRUE(numbers(plan.lists, 0));
  EXPECT_TRUE(numbers(plan.subjects.at(0).lists, 1));
  EXPECT_TRUE(numbers(plan.subjects.at(1).lists, 16));
}

TEST(Subjects, KeepHoursAndLevelsAndSeals) {
  const SubjectPlan plan = subject_plan(
      "bind=deny inherit=3 hours=22:00-06:00+12:00-24:00 zone=Europe/Berlin seal=listen+tcp/22");
  EXPECT_EQ(plan.image.inherit, 3U);
  EXPECT_EQ(plan.image.hours.windows, 2U);
  EXPECT_EQ(plan.image.hours.window[0].from, 1320);
  EXPECT_EQ(plan.image.hours.window[0].to, 360);
  EXPECT_EQ(plan.image.hours.window[1].to, 1440);
  EXPECT_EQ(plan.image.hours.zones, 0U);
  EXPECT_EQ(plan.zone, "Europe/Berlin");
  ASSERT_TRUE(plan.seal);
  EXPECT_EQ(plan.seal->listens[0].port, 22);
  EXPECT_EQ(plan.image.seal.listens[0].port, 22);
  EXPECT_EQ(plan.image.seal.missing, 1U);
  EXPECT_NE(plan.image.policy.flags & SL_SEALED_LATER, 0U);
  EXPECT_EQ(subject_plan("mark=5").image.inherit, SL_LEVELS_ALL);
  EXPECT_FALSE(subject_plan("mark=5").seal);
}

TEST(Subjects, WithHoursAloneAreClosedAsIfTheyRestricted) {
  const Plan plan = plan_of({{"io.socklid.subject.a", "/a hours=08:00-09:00"}});
  const std::uint32_t flags = plan.subjects.at(0).image.policy.flags;
  EXPECT_EQ(flags & SL_UNRESTRICTED, 0U);
  EXPECT_NE(flags & SL_ALLOW_CREATE, 0U);
  for (const Hook hook : {Hook::socket_create, Hook::socket_bind, Hook::socket_connect,
                          Hook::socket_sendmsg, Hook::socket_listen, Hook::socket_accept}) {
    EXPECT_TRUE(has(plan, hook)) << name(hook);
    EXPECT_EQ(
        causes(hook, policy_of({{"io.socklid.subject.a", "/a hours=08:00-09:00"}}), NetnsKind::own),
        Keys{Key::subject});
  }
  EXPECT_FALSE(has(plan, Hook::sctp_bind_connect));
}

TEST(Subjects, OpenWhatTheContainerOpens) {
  const SubjectPlan plan = subject_plan("bind=deny egress=udp/53", {{"io.socklid.deputies", "keys"},
                                                                    {"io.socklid.bpf", "allow"},
                                                                    {"io.socklid.answers", "any"}});
  EXPECT_NE(plan.image.policy.flags & SL_OPEN_KEYS, 0U);
  EXPECT_NE(plan.image.policy.flags & SL_ALLOW_BPF, 0U);
  EXPECT_EQ(plan.image.policy.flags & SL_OPEN_SYSCTL, 0U);
  EXPECT_EQ(plan.image.policy.answers, std::uint32_t{SL_ANSWERS_ANY});
}

TEST(Subjects, NeedTheHooksOfTheirOwnPolicies) {
  const Annotations annotations{{"io.socklid.connect", "deny"},
                                {"io.socklid.subject.a", "/a bind=deny"},
                                {"io.socklid.subject.b", "/b shutdown=deny seal=listen"},
                                {"io.socklid.subject.c", "/c seal=5s accept=deny mark=3"}};
  const Plan plan = plan_of(annotations);
  for (const Hook hook : {Hook::socket_bind, Hook::socket_accept, Hook::socket_shutdown,
                          Hook::sock_ops, Hook::bprm_committed_creds, Hook::socket_post_create}) {
    EXPECT_TRUE(has(plan, hook)) << name(hook);
    EXPECT_TRUE(causes(hook, policy_of(annotations), NetnsKind::own).has(Key::subject));
  }
  EXPECT_EQ(causes(Hook::socket_create, policy_of(annotations), NetnsKind::own),
            (Keys{Key::connect, Key::subject}));
  EXPECT_FALSE(has(plan, Hook::inet_egress));
  EXPECT_FALSE(has(plan, Hook::group_join));
}

TEST(Subjects, AddTheirHooksToThoseOfTheContainerInEveryNamespace) {
  const std::string members[] = {
      "create=deny",   "connect=tcp/80", "bind=udp/5",   "listen=deny",   "accept=deny",
      "shutdown=deny", "mark=3",         "egress=tcp/1", "families=inet", "bind=deny seal=accept"};
  for (const Annotations& container :
       {Annotations{}, Annotations{{"io.socklid.egress", "tcp/80"}},
        Annotations{{"io.socklid.connect", "deny"}, {"io.socklid.deputies", "sysctl keys"}}}) {
    for (const std::string& one : members) {
      Annotations all = container;
      all["io.socklid.subject.a"] = "/a " + one;
      const Policy policy = policy_of(all);
      const Policy within = annotations::policy_within(policy, policy.subjects.front());
      for (const NetnsKind kind : {NetnsKind::own, NetnsKind::shared, NetnsKind::host}) {
        const Hooks hooks = needed_hooks(policy, kind);
        Hooks expected = needed_hooks(policy_of(container), kind);
        for (const Hook hook : needed_hooks(within, NetnsKind::host)) expected.push_back(hook);
        for (const Hook hook : expected) {
          EXPECT_NE(std::find(hooks.begin(), hooks.end(), hook), hooks.end()) << name(hook) << one;
        }
      }
    }
  }
}

TEST(Subjects, AndFilesHoldTheContainersTasks) {
  for (const Annotations& one : {Annotations{{"io.socklid.readonly", "/usr"}},
                                 Annotations{{"io.socklid.subject.a", "/a listen=deny"}}}) {
    const Plan plan = plan_of(one);
    for (const Hook hook : {Hook::file_open, Hook::task_alloc, Hook::bpf, Hook::bpf_prog}) {
      EXPECT_TRUE(has(plan, hook)) << name(hook);
    }
    EXPECT_FALSE(has(plan, Hook::socket_create));
  }
}

TEST(SubjectMarks, HaveTheSlotOfAPod) {
  const Annotations annotations{{"io.socklid.egress", "tcp/80"},
                                {"io.socklid.subject.a", "/a mark=5"},
                                {"io.socklid.subject.b", "/b mark=0x10/0xf0"}};
  const Plan plan = plan_of(annotations, {NetnsKind::shared, 7});
  EXPECT_EQ(plan.subjects.at(0).image.policy.mark, 0x07000005U);
  EXPECT_EQ(plan.subjects.at(0).image.policy.mark_mask, 0xffffffffU);
  EXPECT_EQ(plan.subjects.at(1).image.policy.mark_mask, 0xff0000f0U);
  EXPECT_EQ(plan_of(annotations).subjects.at(0).image.policy.mark, 5U);
  EXPECT_EQ(plan_of({{"io.socklid.subject.a", "/a mark=5"}}, {NetnsKind::shared, 7})
                .subjects.at(0)
                .image.policy.mark,
            5U)
      << "without rules nobody tells containers apart";
}

TEST(SubjectMarks, AreThoseThatTasksInSeveralCanHave) {
  const auto marks = [](const Annotations& annotations, Mark mark) {
    std::vector<std::uint32_t> values;
    for (const Mark& one : marks_within(policy_of(annotations), mark, max_marks)) {
      EXPECT_EQ(one.mask, mark.mask);
      values.push_back(one.value);
    }
    return values;
  };
  EXPECT_THAT(marks({{"io.socklid.subject.a", "/a bind=deny"}}, {3}), ElementsAre(3));
  EXPECT_THAT(
      marks({{"io.socklid.subject.a", "/a mark=5"}, {"io.socklid.subject.b", "/b mark=6"}}, {3}),
      ElementsAre(3, 5, 6));
  EXPECT_THAT(marks({{"io.socklid.subject.a", "/a mark=0x10/0xf0"},
                     {"io.socklid.subject.b", "/b mark=0x100/0xf00"}},
                    {3}),
              ElementsAre(3, 0x13, 0x103, 0x113));
  EXPECT_THAT(marks({{"io.socklid.subject.a", "/a mark=0x10/0xf0"},
                     {"io.socklid.subject.others", "* mark=0x100/0xf00"}},
                    {3}),
              ElementsAre(3, 0x13, 0x103));
  EXPECT_THAT(marks({{"io.socklid.subject.a", "/a mark=0x100/0xf00"}}, {3, 0xff}), ElementsAre(3));
}

TEST(SubjectMarks, AreAsGoodAsTheContainersToTheRules) {
  const Policy policy = policy_of({{"io.socklid.egress", "tcp/80"},
                                   {"io.socklid.mark", "3"},
                                   {"io.socklid.subject.a", "/a mark=5"}});
  const std::string text = to_string(compile_rules(policy, *policy.mark, 0, "web", 1));
  EXPECT_THAT(text,
              HasSubstr("meta mark & 0x00ffffff != 0x00000003 meta mark & 0x00ffffff != "
                        "0x00000005 counter goto refused comment \"io.socklid.mark: unmarked"));
  EXPECT_THAT(text, HasSubstr("socket mark & 0x00ffffff != 0x00000003 socket mark & 0x00ffffff != "
                              "0x00000005 counter drop comment \"io.socklid.mark: not the mark"));
}

TEST(SubjectMarks, ThatNoRulesCouldTellApartAreRefused) {
  EXPECT_THAT(refusal({{"io.socklid.egress", ""},
                       {"io.socklid.subject.a", "/a mark=0x01000000/0xff000000"}},
                      NetnsKind::own),
              HasSubstr("io.socklid.subject.a: mark: 0x1000000/0xff000000 claims bits 24..31"));
  EXPECT_EQ(refusal({{"io.socklid.subject.a", "/a mark=0x01000000/0xff000000"}}, NetnsKind::own),
            "");
  Annotations many{{"io.socklid.egress", ""}};
  for (int i = 0; i < 7; ++i) {
    const std::string bit = std::to_string(1 << (i + 4));
    many["io.socklid.subject.s" + std::to_string(i)] =
        "/" + std::to_string(i) + " mark=" + bit + "/" + bit;
  }
  EXPECT_THAT(refusal(many, NetnsKind::own), HasSubstr("come to more than 64 together"));
  EXPECT_EQ(refusal(many, NetnsKind::host), "");
  many.erase("io.socklid.subject.s6");
  EXPECT_EQ(refusal(many, NetnsKind::own), "");
}

TEST(SubjectPlacement, RefusesSctpInEveryNamespace) {
  for (const NetnsKind kind : {NetnsKind::own, NetnsKind::shared, NetnsKind::host}) {
    EXPECT_THAT(refusal({{"io.socklid.subject.a", "/a egress=sctp/80"}}, kind),
                HasSubstr("io.socklid.subject.a: sctp:"));
    EXPECT_THAT(refusal({{"io.socklid.subject.a", "/a connect=sctp"}}, kind),
                HasSubstr("io.socklid.subject.a: sctp:"));
    EXPECT_EQ(refusal({{"io.socklid.subject.a", "/a egress=tcp/80 connect=dccp"}}, kind), "");
  }
}

TEST(SubjectPlacement, HasRoomForSealsOfTheirOwn) {
  for (const NetnsKind kind : {NetnsKind::own, NetnsKind::host}) {
    for (const char* seal : {"listen", "listen+tcp/22", "accept", "5s", "manual", "start"}) {
      EXPECT_EQ(refusal({{"io.socklid.subject.a", std::string("/a bind=deny seal=") + seal}}, kind),
                "")
          << seal;
    }
  }
}

TEST(Subjects, SealedLaterNeedTheHooksThatSeal) {
  const auto has = [](const char* value, Hook hook) {
    const Plan plan = plan_of({{"io.socklid.subject.a", value}});
    return std::find(plan.hooks.begin(), plan.hooks.end(), hook) != plan.hooks.end();
  };
  EXPECT_TRUE(has("/a bind=deny seal=listen", Hook::sock_ops));
  EXPECT_TRUE(has("/a bind=deny seal=accept", Hook::sock_graft));
  EXPECT_TRUE(has("/a bind=deny seal=5s", Hook::bprm_committed_creds));
  EXPECT_FALSE(has("/a bind=deny", Hook::sock_ops));
  EXPECT_FALSE(has("/a bind=deny", Hook::sock_graft));
}

TEST(SubjectPlacement, GivesAPodsAuthorNoMarkOfTheHost) {
  const Policy policy = policy_of({{"io.socklid.subject.a", "/a mark=5"}});
  EXPECT_TRUE(check_author(policy, NetnsKind::own, true));
  EXPECT_TRUE(check_author(policy, NetnsKind::host, false));
  EXPECT_EQ(check_author(policy, NetnsKind::host, true)
                .error()
                .message.find("io.socklid.subject.NAME: mark: in the host's network namespace"),
            0U);
}

TEST(SubjectNotes, SayWhatIsNotHeld) {
  const std::vector<std::string> notes =
      plan_of({{"io.socklid.subject.a", "/a mark=5 inherit=2 egress=tcp/22"},
               {"io.socklid.subject.b", "/b mark=6 bind=deny inherit=none"},
               {"io.socklid.subject.c", "/c mark=0x1000000/0xff000000"},
               {"io.socklid.readonly", "/usr/sbin"}})
          .notes;
  EXPECT_THAT(notes, Contains("io.socklid.subject.a: inherit=2: whoever runs in it leaves with 3 "
                              "execs of other programs"));
  EXPECT_THAT(notes, Contains("io.socklid.subject.b: inherit=none: whoever runs in it leaves with "
                              "1 exec of other programs"));
  EXPECT_THAT(notes, Contains("io.socklid.subject.a: egress without bind: no service is answered"));
  EXPECT_THAT(notes, Contains("the marks of the subjects a, b overlap: in a task that is in "
                              "several the last of these wins"));
  EXPECT_THAT(notes, Contains(HasSubstr("sh PATH, ld.so PATH")));
  EXPECT_THAT(notes, Contains(HasSubstr("io.socklid.readonly holds inside the container")));
  EXPECT_THAT(notes, Contains(HasSubstr("a subject of * is everyone else")));
  const std::vector<std::string> few =
      plan_of({{"io.socklid.subject.a", "* bind=deny"}, {"io.socklid.connect", "deny"}}).notes;
  EXPECT_THAT(few,
              AllOf(Not(Contains(HasSubstr("everyone else"))), Not(Contains(HasSubstr("ld.so")))));
}

}  // namespace
}  // namespace socklid
