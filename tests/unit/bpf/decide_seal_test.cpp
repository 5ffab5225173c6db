// SPDX-License-Identifier: Apache-2.0
//
// The kernel's decision before and after the seal, on the host. Fails if a verb is held back before
// it, if anything else is open before it, or if a socket made earlier is worth more than a new one.
#include <gtest/gtest.h>

#include "bpf/decide.h"
#include "tests/support/decide_attempts.hpp"

namespace socklid {
namespace {

sl_attempt unsealed(sl_attempt attempt) {
  attempt.flags |= SL_ATTEMPT_UNSEALED;
  return attempt;
}

Policy denying_all() {
  Policy policy;
  policy.create = policy.create_tcp = policy.create_udp = Verdict::deny;
  policy.connect.emplace();
  policy.bind.emplace();
  policy.listen = policy.accept = policy.shutdown = Verdict::deny;
  return policy;
}

sl_attempt addressed(std::uint16_t type) {
  sl_attempt attempt = on(SL_VERB_SEND, inet, type, 53);
  attempt.flags |= SL_ATTEMPT_ADDRESS;
  return attempt;
}

TEST(DecideSeal, BeforeItTheVerbsAreFree) {
  const sl_attempt attempts[] = {
      create(inet, stream, 0),
      create(inet6, datagram, 0),
      on(SL_VERB_CONNECT, inet, stream, 80),
      on(SL_VERB_BIND, inet6, stream, 80),
      on(SL_VERB_LISTEN, inet, stream, 80),
      on(SL_VERB_ACCEPT, inet, stream),
      on(SL_VERB_SHUTDOWN, inet, stream),
      addressed(datagram),
  };
  for (const sl_attempt& attempt : attempts) {
    EXPECT_EQ(decide(denying_all(), attempt), EPERM) << int{attempt.verb};
    EXPECT_EQ(decide(denying_all(), unsealed(attempt)), 0) << int{attempt.verb};
  }
}

TEST(DecideSeal, BeforeItClosuresAndGuardsHold) {
  EXPECT_EQ(decide(denying_all(), unsealed(create(packet, raw, 0))), EAFNOSUPPORT);
  EXPECT_EQ(decide(denying_all(), unsealed(create(inet, raw, 255))), EPROTONOSUPPORT);
  EXPECT_EQ(decide(denying_all(), unsealed(create(netlink, raw, 12))), EPROTONOSUPPORT);
  sl_attempt option = on(SL_VERB_SETSOCKOPT, inet, stream);
  option.level = SOL_SOCKET;
  option.option = SO_MARK;
  Policy marked = denying_all();
  marked.mark = annotations::Mark{3, annotations::default_mark_mask};
  EXPECT_EQ(decide(marked, unsealed(option)), EPERM);
  sl_attempt bpf{};
  bpf.verb = SL_VERB_BPF;
  EXPECT_EQ(decide(denying_all(), unsealed(bpf)), EPERM);
}

TEST(DecideSeal, AnUnusedSocketIsWorthNoMoreThanANewOne) {
  Policy policy;
  policy.create_tcp = Verdict::deny;
  const sl_attempt uses[] = {on(SL_VERB_CONNECT, inet, stream, 80),
                             on(SL_VERB_LISTEN, inet6, stream, 80),
                             on(SL_VERB_BIND, inet, stream, 80)};
  for (const sl_attempt& use : uses) {
    EXPECT_EQ(decide(policy, use), EPERM) << int{use.verb};
    EXPECT_EQ(decide(policy, unsealed(use)), 0) << int{use.verb};
  }
  EXPECT_EQ(decide(policy, addressed(datagram)), 0);
  policy.create_tcp = Verdict::allow;
  policy.create_udp = Verdict::deny;
  EXPECT_EQ(decide(policy, addressed(datagram)), EPERM);
  EXPECT_EQ(decide(policy, on(SL_VERB_CONNECT, inet, stream, 80)), 0);
}

TEST(DecideSeal, ListeningAndConnectedSocketsGoOn) {
  Policy policy;
  policy.create = Verdict::deny;
  sl_attempt listening = on(SL_VERB_LISTEN, inet, stream, 80);
  listening.flags |= SL_ATTEMPT_LISTENING;
  EXPECT_EQ(decide(policy, listening), 0);
  EXPECT_EQ(decide(policy, on(SL_VERB_ACCEPT, inet, stream)), 0);
  EXPECT_EQ(decide(policy, on(SL_VERB_SEND, inet, stream)), 0);
  EXPECT_EQ(decide(policy, on(SL_VERB_SHUTDOWN, inet, stream)), 0);
}

}  // namespace
}  // namespace socklid
