// SPDX-License-Identifier: Apache-2.0
//
// Whom the programs refuse something finds keys behind it. Fails when a denial goes back to no key,
// or to one that the policy does not have.
#include "plan/reasons.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <map>
#include <optional>
#include <random>
#include <set>

#include "annotations/subject.hpp"
#include "plan/plan.hpp"
#include "tests/support/decide_cases.hpp"

namespace socklid {
namespace {

using annotations::Family;
using annotations::Key;
using annotations::Keys;
using annotations::Policy;
using annotations::Verdict;

/// By which hooks an attempt comes to be judged.
std::map<int, Hook> hooks_by_verb() {
  return {{SL_VERB_CREATE, Hook::socket_create},
          {SL_VERB_BIND, Hook::socket_bind},
          {SL_VERB_CONNECT, Hook::socket_connect},
          {SL_VERB_SEND, Hook::socket_sendmsg},
          {SL_VERB_LISTEN, Hook::socket_listen},
          {SL_VERB_ACCEPT, Hook::socket_accept},
          {SL_VERB_SHUTDOWN, Hook::socket_shutdown},
          {SL_VERB_SETSOCKOPT, Hook::socket_setsockopt},
          {SL_VERB_NETLINK, Hook::netlink_send},
          {SL_VERB_BPF, Hook::bpf},
          {SL_VERB_IOCTL, Hook::file_ioctl},
          {SL_VERB_CGROUP, Hook::file_open},
          {SL_VERB_KEY, Hook::key_alloc},
          {SL_VERB_MOUNT, Hook::sb_mount},
          {SL_VERB_SYSFS, Hook::inode_mkdir},
          {SL_VERB_SYSCTL, Hook::sysctl},
          {SL_VERB_MODULE, Hook::kernel_module_request}};
}

/// Random policies and what is tried under them, the same in every run.
class Trials {
 public:
  Policy policy() {
    Policy policy;
    for (Verdict Policy::*verdict : {&Policy::create, &Policy::create_tcp, &Policy::create_udp,
                                     &Policy::listen, &Policy::accept, &Policy::shutdown}) {
      if (rarely()) policy.*verdict = Verdict::deny;
    }
    if (rarely()) policy.connect = cases_.list(false);
    if (rarely()) policy.bind = cases_.list(true);
    if (rarely()) policy.egress = cases_.list(false);
    if (rarely()) policy.families = {{Family::Kind::address_family, AF_INET}};
    if (rarely()) policy.mark = annotations::Mark{3, 0xff};
    if (rarely()) policy.bpf = random_() % 2 == 0 ? Verdict::allow : Verdict::deny;
    if (rarely() && annotations::restricts(policy)) policy.deputies.keys = true;
    if (rarely() && annotations::restricts(policy)) policy.deputies.sysctl = true;
    return policy;
  }

  NetnsKind netns() { return static_cast<NetnsKind>(random_() % 3); }

  /// What sl_decide() or sl_decide_packet() says of something that is tried, where a hook asks it.
  sl_reason refusal(const Policy& policy, NetnsKind netns) {
    static const std::map<int, Hook> by_verb = hooks_by_verb();
    Plan plan = compile(policy, {netns, 0});
    test::host_lists() = plan.lists;
    plan.image.cgroup_id = 1;
    if (plan.rules) plan.image.netns = 77;
    const sl_attempt attempt = cases_.attempt();
    const auto verb = by_verb.find(attempt.verb);
    if (random_() % 4 == 0 || verb == by_verb.end()) return packet_refusal(plan);
    if (!has(plan, verb->second)) return SL_REASON_NONE;
    return static_cast<sl_reason>(sl_decide(&plan.image, &attempt).reason);
  }

 private:
  bool rarely() { return random_() % 6 == 0; }

  static bool has(const Plan& plan, Hook hook) {
    return std::find(plan.hooks.begin(), plan.hooks.end(), hook) != plan.hooks.end();
  }

  sl_reason packet_refusal(const Plan& plan) {
    sl_packet packet = cases_.packet();
    const bool arrives = (packet.flags & SL_PACKET_ARRIVES) != 0;
    const bool judged = has(plan, Hook::inet_egress);
    if (!judged && (arrives || !has(plan, Hook::inet_egress_labels))) return SL_REASON_NONE;
    // Only what leaves can have another mark than its socket.
    if (arrives) packet.flags &= static_cast<std::uint16_t>(~SL_PACKET_REMARKED);
    return static_cast<sl_reason>(sl_decide_packet(&plan.image, &packet).reason);
  }

  test::CaseGenerator cases_{20031225};
  std::mt19937 random_{7};
};

TEST(Reasons, EachDenialGoesBackToKeysOfThePolicy) {
  Trials trials;
  std::set<sl_reason> seen;
  for (int i = 0; i < 60000; ++i) {
    const Policy policy = trials.policy();
    const NetnsKind netns = trials.netns();
    for (int j = 0; j < 4; ++j) {
      const sl_reason reason = trials.refusal(policy, netns);
      if (reason == SL_REASON_NONE) continue;
      seen.insert(reason);
      const Keys keys = causes(reason, policy, netns);
      ASSERT_FALSE(keys.empty()) << name_of(reason) << " " << name_of(netns) << "\n"
                                 << to_string(policy);
      ASSERT_EQ(keys & annotations::given_keys(policy), keys)
          << name_of(reason) << " " << name_of(netns) << "\n"
          << to_string(policy);
    }
  }
  // Every one but those of no policy, and those behind them, which are of subjects and of files.
  EXPECT_EQ(seen.size(), std::size_t{SL_REASON_SUBJECT} - 2);
}

TEST(Reasons, NameTheKeysThatWereGiven) {
  Policy policy;
  policy.bind.emplace();
  const auto keys = [&](sl_reason reason, NetnsKind netns = NetnsKind::own) {
    return causes(reason, policy, netns);
  };
  EXPECT_EQ(keys(SL_REASON_BPF), Keys{Key::bind});
  EXPECT_EQ(keys(SL_REASON_FAMILY), Keys{Key::bind});
  EXPECT_EQ(keys(SL_REASON_LISTEN), Keys{Key::listen});
  EXPECT_EQ(keys(SL_REASON_UNCONFIGURED), Keys{});
  EXPECT_EQ(keys(SL_REASON_MARK), Keys{Key::bind});
  policy.families.emplace();
  EXPECT_EQ(keys(SL_REASON_FAMILY), Keys{Key::families});
  policy.egress.emplace();
  EXPECT_EQ(keys(SL_REASON_MARK), Keys{Key::egress});
  EXPECT_EQ(keys(SL_REASON_MARK, NetnsKind::host), (Keys{Key::families, Key::bind, Key::egress}));
}

TEST(Reasons, OfSubjectsGoBackToThem) {
  Policy policy;
  annotations::Subject subject;
  subject.name = "sshd";
  subject.exec = {"/usr/sbin/sshd"};
  subject.policy.bind.emplace();
  policy.subjects = {subject};
  for (const sl_reason reason : {SL_REASON_SUBJECT, SL_REASON_HOURS, SL_REASON_TRACE,
                                 SL_REASON_FILE, SL_REASON_BIND, SL_REASON_FAMILY}) {
    EXPECT_EQ(causes(reason, policy, NetnsKind::own), Keys{Key::subject}) << name_of(reason);
  }
  EXPECT_EQ(causes(SL_REASON_CONNECT, policy, NetnsKind::own), Keys{Key::connect});
  policy.connect.emplace();
  policy.readonly = {{"/usr/sbin", false}};
  EXPECT_EQ(causes(SL_REASON_FAMILY, policy, NetnsKind::own), (Keys{Key::connect, Key::subject}));
  EXPECT_EQ(causes(SL_REASON_CONNECT, policy, NetnsKind::own), Keys{Key::connect});
  EXPECT_EQ(causes(SL_REASON_FILE, policy, NetnsKind::own), (Keys{Key::subject, Key::readonly}));
  policy.subjects.front().policy.bind.reset();
  policy.subjects.front().hours = {{480, 540}};
  EXPECT_EQ(causes(SL_REASON_HOURS, policy, NetnsKind::own), Keys{Key::subject});
}

TEST(Reasons, HaveANameAndAnAnnotationEach) {
  std::set<std::string_view> names;
  for (const ReasonInfo& row : reason_table) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(annotation_of(row.reason).starts_with("io.socklid."),
              row.reason > SL_REASON_UNCONFIGURED)
        << row.name;
  }
  EXPECT_EQ(annotation_of(SL_REASON_CREATE_TCP), "io.socklid.create.tcp");
  EXPECT_EQ(annotation_of(SL_REASON_BPF), "io.socklid.* (any policy)");
  EXPECT_EQ(annotation_of(SL_REASON_MOUNT), "io.socklid.* (the policy restricts the network)");
}

}  // namespace
}  // namespace socklid
