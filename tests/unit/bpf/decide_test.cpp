// SPDX-License-Identifier: Apache-2.0
//
// The kernel's decision, on the host: each rule of the policy language as a table of attempts.
// Fails when a verb, a closed family or protocol, or an errno is not what the reference says.
#include "bpf/decide.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/decide_attempts.hpp"

namespace socklid {
namespace {

TEST(Decide, APolicyNobodyWroteDeniesEverythingButUnix) {
  const sl_policy zero{};
  for (int verb = SL_VERB_CREATE; verb <= SL_VERB_SETSOCKOPT; verb++) {
    const sl_attempt attempt = on(static_cast<sl_verb>(verb), inet, stream, 80);
    EXPECT_EQ(sl_decide(&zero, &attempt).error, -EPERM) << verb;
  }
  const sl_attempt local = create(unix_family, stream, 0);
  EXPECT_EQ(sl_decide(&zero, &local).error, 0);
}

TEST(Decide, AVerbNobodyKnowsIsDenied) {
  sl_attempt attempt = on(SL_VERB_CREATE, inet, stream);
  attempt.verb = 200;
  EXPECT_EQ(decide(Policy{}, attempt), EPERM);
}

struct CreateCase {
  const char* what;
  std::uint16_t family, type;
  std::uint32_t protocol;
  int create_denied, tcp_denied, udp_denied;  // errno under each of three policies
};

TEST(Decide, CreateByFamilyAndProtocol) {
  const std::vector<CreateCase> cases = {
      {"tcp4", inet, stream, 0, EPERM, EPERM, 0},
      {"tcp6, by number", inet6, stream, 6, EPERM, EPERM, 0},
      {"udp4", inet, datagram, 0, EPERM, 0, EPERM},
      {"udp6, by number", inet6, datagram, 17, EPERM, 0, EPERM},
      {"udplite", inet, datagram, 136, EPERM, 0, EPERM},
      {"mptcp", inet, stream, 262, EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT},
      {"smc as a protocol", inet6, stream, 256, EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT},
      {"ping", inet, datagram, 1, EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT},
      {"sctp", inet, stream, 132, EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT},
      {"sctp, one to many", inet, 5, 132, EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT},
      {"dccp", inet, 6, 33, EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT},
      {"raw", inet, raw, 255, EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT},
      {"raw tcp", inet6, raw, 6, EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT},
      {"unix", unix_family, stream, 0, 0, 0, 0},
      {"route", netlink, raw, 0, 0, 0, 0},
      {"netfilter", netlink, raw, 12, EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT},
      {"audit", netlink, raw, 9, EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT},
      {"packet", packet, raw, 0, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT},
      {"smc", smc, stream, 0, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT},
      {"a family of the future", 63, stream, 0, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT},
      {"beyond any set", 64, stream, 0, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT},
  };
  Policy no_create, no_tcp, no_udp;
  no_create.create = Verdict::deny;
  no_tcp.create_tcp = Verdict::deny;
  no_udp.create_udp = Verdict::deny;
  for (const CreateCase& c : cases) {
    const sl_attempt attempt = create(c.family, c.type, c.protocol);
    EXPECT_EQ(decide(Policy{}, attempt), 0) << c.what;
    EXPECT_EQ(decide(no_create, attempt), c.create_denied) << c.what;
    EXPECT_EQ(decide(no_tcp, attempt), c.tcp_denied) << c.what;
    EXPECT_EQ(decide(no_udp, attempt), c.udp_denied) << c.what;
  }
}

TEST(Decide, TheKernelsOwnInnerSocketsAreNotJudged) {
  Policy policy;
  policy.create = Verdict::deny;
  sl_attempt attempt = create(inet, stream, 6);
  attempt.flags = SL_ATTEMPT_KERNEL;
  EXPECT_EQ(decide(policy, attempt), 0);
}

TEST(Decide, FamiliesOpenWhatTheyName) {
  using annotations::Family;
  Policy policy;
  policy.families = {{Family::Kind::address_family, inet},
                     {Family::Kind::address_family, packet},
                     {Family::Kind::netlink_protocol, 9},
                     {Family::Kind::raw, 0}};
  EXPECT_EQ(decide(policy, create(inet, stream, 6)), 0);
  EXPECT_EQ(decide(policy, create(inet6, stream, 6)), EAFNOSUPPORT);
  EXPECT_EQ(decide(policy, create(packet, raw, 0)), 0);
  EXPECT_EQ(decide(policy, create(netlink, raw, 9)), 0);
  EXPECT_EQ(decide(policy, create(netlink, raw, 0)), EPROTONOSUPPORT);
  EXPECT_EQ(decide(policy, create(inet, raw, 255)), 0);
  EXPECT_EQ(decide(policy, create(unix_family, stream, 0)), 0);
  policy.create = Verdict::deny;
  EXPECT_EQ(decide(policy, create(packet, raw, 0)), EPERM);
}

TEST(Decide, EgressOpensTheProtocolsItNames) {
  Policy policy;
  policy.egress = {Endpoint{Protocol::icmp, {}, {}}, Endpoint{Protocol::sctp, {}, {}}};
  EXPECT_EQ(decide(policy, create(inet, datagram, 1)), 0);
  EXPECT_EQ(decide(policy, create(inet6, datagram, 58)), 0);
  EXPECT_EQ(decide(policy, create(inet, stream, 132)), 0);
  EXPECT_EQ(decide(policy, create(inet, 6, 33)), EPROTONOSUPPORT);
  policy.connect.emplace();
  EXPECT_EQ(decide(policy, create(inet, stream, 132)), EPROTONOSUPPORT);
}

TEST(Decide, BindAllowsExactlyTheListedPorts) {
  const Policy policy = bind_list({port(Protocol::tcp, 80), port(Protocol::udp, 5353)});
  for (const std::uint16_t family : {inet, inet6}) {
    EXPECT_EQ(decide(policy, on(SL_VERB_BIND, family, stream, 80)), 0);
    EXPECT_EQ(decide(policy, on(SL_VERB_BIND, family, stream, 79)), EPERM);
    EXPECT_EQ(decide(policy, on(SL_VERB_BIND, family, stream, 81)), EPERM);
    EXPECT_EQ(decide(policy, on(SL_VERB_BIND, family, stream, 5353)), EPERM);
    EXPECT_EQ(decide(policy, on(SL_VERB_BIND, family, datagram, 5353)), 0);
    EXPECT_EQ(decide(policy, on(SL_VERB_BIND, family, datagram, 80)), EPERM);
  }
}

TEST(Decide, PortZeroIsAutobindUntilTheSocketListens) {
  const Policy policy = bind_list({});
  EXPECT_EQ(decide(policy, on(SL_VERB_BIND, inet, datagram, 0)), 0);
  EXPECT_EQ(decide(policy, on(SL_VERB_BIND, inet, stream, 0)), 0);
  EXPECT_EQ(decide(policy, on(SL_VERB_LISTEN, inet, stream, 0)), EPERM);
  EXPECT_EQ(decide(policy, on(SL_VERB_LISTEN, inet, stream, 40000)), EPERM);
}

TEST(Decide, ListeningIsForSocketsThatKeepTheirPort) {
  const Policy policy = bind_list({port(Protocol::tcp, 80)});
  for (const std::uint32_t flags : {0U, SL_ATTEMPT_LISTENING}) {
    sl_attempt attempt = on(SL_VERB_LISTEN, inet, stream, 80);
    attempt.flags = SL_ATTEMPT_KEEPS_PORT | flags;
    EXPECT_EQ(decide(policy, attempt), 0) << flags;
    attempt.flags = flags;
    EXPECT_EQ(decide(policy, attempt), EPERM) << flags;
    EXPECT_EQ(decision(policy, attempt).reason, SL_REASON_BIND) << flags;
    EXPECT_EQ(decide(Policy{}, attempt), 0) << flags;
  }
}

TEST(Decide, WhicheverPortTheKernelChoosesIsNamedIfAllAre) {
  sl_attempt attempt = on(SL_VERB_LISTEN, inet6, stream, 40000);
  attempt.flags = 0;
  EXPECT_EQ(decide(bind_list({Endpoint{Protocol::tcp, {}, {}}}), attempt), 0);
  EXPECT_EQ(decide(bind_list({Endpoint{Protocol::tcp, {1, 65535}, {}}}), attempt), 0);
  EXPECT_EQ(decide(bind_list({Endpoint{Protocol::tcp, {2, 65535}, {}}}), attempt), EPERM);
  EXPECT_EQ(decide(bind_list({Endpoint{Protocol::tcp, {0, 65534}, {}}}), attempt), EPERM);
  EXPECT_EQ(decide(bind_list({Endpoint{Protocol::udp, {}, {}}}), attempt), EPERM);
  const annotations::Prefix all{annotations::AddressFamily::ipv4, {}, 0};
  EXPECT_EQ(decide(bind_list({Endpoint{Protocol::tcp, {}, all}}), attempt), EPERM);
}

TEST(Decide, AListenerOnAnUnnamedPortAcceptsNothing) {
  Policy policy = bind_list({port(Protocol::tcp, 80)});
  EXPECT_EQ(decide(policy, on(SL_VERB_ACCEPT, inet, stream, 80)), 0);
  sl_attempt attempt = on(SL_VERB_ACCEPT, inet, stream, 44444);
  EXPECT_EQ(decide(policy, attempt), EPERM);
  EXPECT_EQ(decision(policy, attempt).reason, SL_REASON_BIND);
  EXPECT_EQ(decide(bind_list({}), attempt), EPERM);
  EXPECT_EQ(decide(Policy{}, attempt), 0);
  EXPECT_EQ(decide(policy, on(SL_VERB_ACCEPT, 40, stream, 0)), EPERM) << "vsock";
  EXPECT_EQ(decide(policy, on(SL_VERB_ACCEPT, unix_family, stream)), 0);
  // One that was handed in goes on, and one that may have listened before the seal.
  attempt.flags |= SL_ATTEMPT_OUTSIDE;
  EXPECT_EQ(decide(policy, attempt), 0);
  attempt.flags = 0;
  policy.seal.kind = annotations::Seal::Kind::manual;
  EXPECT_EQ(decide(policy, attempt), 0);
}

TEST(Decide, ListeningAgainOpensNothingNew) {
  sl_attempt attempt = on(SL_VERB_LISTEN, inet, stream, 8080);
  attempt.flags |= SL_ATTEMPT_LISTENING;
  EXPECT_EQ(decide(bind_list({}), attempt), 0);
  Policy policy;
  policy.listen = Verdict::deny;
  EXPECT_EQ(decide(policy, attempt), EPERM);
}

TEST(Decide, BindByAddress) {
  Endpoint local = port(Protocol::tcp, 80);
  local.prefix = annotations::Prefix{annotations::AddressFamily::ipv4, {127}, 8};
  const Policy policy = bind_list({local});
  sl_attempt attempt = on(SL_VERB_BIND, inet, stream, 80);
  EXPECT_EQ(decide(policy, attempt), EPERM);  // the wildcard is another address
  attempt.address[0] = __builtin_bswap32(0x7f000001);
  EXPECT_EQ(decide(policy, attempt), 0);
  attempt.address_family = 0;  // AF_UNSPEC is AF_INET
  EXPECT_EQ(decide(policy, attempt), 0);
  attempt.address_family = inet6;
  EXPECT_EQ(decide(policy, attempt), EPERM);
}

TEST(Decide, AMalformedAddressIsLeftToTheKernel) {
  Policy policy = bind_list({});
  policy.connect.emplace();
  for (const sl_verb verb : {SL_VERB_BIND, SL_VERB_CONNECT, SL_VERB_SEND}) {
    sl_attempt attempt = on(verb, inet6, datagram, 7);
    attempt.flags = SL_ATTEMPT_ADDRESS;
    attempt.address_length = 23;
    EXPECT_EQ(decide(policy, attempt), 0);
    attempt.address_length = 24;
    EXPECT_EQ(decide(policy, attempt), EPERM);
    attempt.address_family = inet;
    attempt.address_length = 15;
    EXPECT_EQ(decide(policy, attempt), 0);
    attempt.address_length = 16;
    EXPECT_EQ(decide(policy, attempt), EPERM);
  }
}

TEST(Decide, ConnectDenyMeansEveryWayToChooseAPeer) {
  Policy policy;
  policy.connect.emplace();
  EXPECT_EQ(decide(policy, on(SL_VERB_CONNECT, inet, stream, 80)), EPERM);
  EXPECT_EQ(decide(policy, on(SL_VERB_CONNECT, inet6, datagram, 53)), EPERM);
  sl_attempt dissolve = on(SL_VERB_CONNECT, inet, datagram);
  dissolve.address_family = 0;
  EXPECT_EQ(decide(policy, dissolve), 0);

  sl_attempt send = on(SL_VERB_SEND, inet, datagram, 53);
  EXPECT_EQ(decide(policy, send), 0);  // to whom it is connected
  send.flags = SL_ATTEMPT_ADDRESS;
  EXPECT_EQ(decide(policy, send), EPERM);
  send.address_family = 0;  // is sent, on AF_INET
  EXPECT_EQ(decide(policy, send), EPERM);

  sl_attempt tcp = on(SL_VERB_SEND, inet, stream, 80);
  tcp.flags = SL_ATTEMPT_ADDRESS;
  EXPECT_EQ(decide(policy, tcp), 0);  // the kernel does not look at the address
  tcp.flags |= SL_ATTEMPT_FASTOPEN;
  EXPECT_EQ(decide(policy, tcp), EPERM);
  tcp.protocol = 262;
  tcp.flags = SL_ATTEMPT_ADDRESS;
  EXPECT_EQ(decide(policy, tcp), EPERM);
}

Policy connect_list(std::vector<Endpoint> peers) {
  Policy policy;
  policy.connect = std::move(peers);
  return policy;
}

TEST(Decide, ConnectReachesWhatTheListNames) {
  const Policy policy =
      connect_list({port(Protocol::udp, 53),
                    {Protocol::tcp,
                     {443, 443},
                     annotations::Prefix{annotations::AddressFamily::ipv4, {10}, 8}}});
  sl_attempt tcp = on(SL_VERB_CONNECT, inet, stream, 443);
  EXPECT_EQ(decide(policy, tcp), EPERM);
  tcp.address[0] = __builtin_bswap32(0x0a020304);
  EXPECT_EQ(decide(policy, tcp), 0);
  tcp.port = 444;
  EXPECT_EQ(decide(policy, tcp), EPERM);
  sl_attempt udp = on(SL_VERB_SEND, inet6, datagram, 53);
  udp.flags = SL_ATTEMPT_ADDRESS;
  EXPECT_EQ(decide(policy, udp), 0);
  udp.protocol = 136;  // UDP-Lite is UDP
  EXPECT_EQ(decide(policy, udp), 0);
  udp.address_family = 0;  // on inet6 no address
  EXPECT_EQ(decide(policy, udp), EPERM);
  udp.address_family = 17;
  EXPECT_EQ(decide(policy, udp), EPERM);
}

TEST(Decide, WhatAConnectListNamesOpensItsProtocol) {
  const Policy policy = connect_list({{Protocol::icmp, {}, {}}, port(Protocol::sctp, 9)});
  EXPECT_EQ(decide(policy, create(inet, datagram, 1)), 0);
  EXPECT_EQ(decide(policy, create(inet, stream, 132)), 0);
  EXPECT_EQ(decide(policy, create(inet, 6, 33)), EPROTONOSUPPORT);
  sl_attempt sctp = on(SL_VERB_CONNECT, inet, stream, 9);
  sctp.protocol = 132;
  EXPECT_EQ(decide(policy, sctp), 0);
  sctp.port = 10;
  EXPECT_EQ(decide(policy, sctp), EPERM);
  sl_attempt added = on(SL_VERB_SETSOCKOPT, inet, stream);
  added.flags = SL_ATTEMPT_CONTROL;
  added.level = 132;
  added.option = 7;
  EXPECT_EQ(decide(policy, added), EPERM);
}

TEST(Decide, ARawSocketReachesOnlyWhatHasNoPorts) {
  Policy policy = connect_list({{Protocol::icmp, {}, {}}, {Protocol::tcp, {}, {}}});
  policy.families = {{annotations::Family::Kind::address_family, inet},
                     {annotations::Family::Kind::raw, 0}};
  sl_attempt attempt = on(SL_VERB_SEND, inet, raw);
  attempt.flags = SL_ATTEMPT_ADDRESS;
  attempt.protocol = 1;
  EXPECT_EQ(decide(policy, attempt), 0);
  attempt.protocol = 6;
  EXPECT_EQ(decide(policy, attempt), EPERM);
  attempt.protocol = 255;
  EXPECT_EQ(decide(policy, attempt), EPERM);
}

TEST(Decide, UnixAndNetlinkHaveNoPeersAndPortsOfOurs) {
  Policy policy = bind_list({});
  policy.create = policy.listen = policy.accept = Verdict::deny;
  policy.connect.emplace();
  for (int verb = SL_VERB_CREATE; verb <= SL_VERB_SETSOCKOPT; verb++) {
    if (verb == SL_VERB_SHUTDOWN) continue;  // a node-wide program's
    EXPECT_EQ(decide(policy, on(static_cast<sl_verb>(verb), unix_family, stream)), 0) << verb;
  }
  EXPECT_EQ(decide(policy, on(SL_VERB_BIND, netlink, raw)), 0);
  EXPECT_EQ(decide(policy, on(SL_VERB_CONNECT, netlink, raw)), 0);
}

TEST(Decide, OtherFamiliesThatAreOpenAreStillUnderTheVerbs) {
  Policy policy = bind_list({port(Protocol::tcp, 80)});
  policy.connect.emplace();
  EXPECT_EQ(decide(policy, on(SL_VERB_BIND, packet, raw, 80)), EPERM);
  EXPECT_EQ(decide(policy, on(SL_VERB_LISTEN, 40, stream, 80)), EPERM);
  EXPECT_EQ(decide(policy, on(SL_VERB_CONNECT, 40, stream, 80)), EPERM);
}

TEST(Decide, EachDenialNamesItsReason) {
  Policy policy;
  policy.create_tcp = Verdict::deny;
  const sl_attempt tcp = create(inet, stream, 6);
  const sl_attempt family = create(packet, raw, 0);
  EXPECT_EQ(decision(policy, tcp).reason, SL_REASON_CREATE_TCP);
  EXPECT_EQ(annotation_of(SL_REASON_CREATE_TCP), "io.socklid.create.tcp");
  EXPECT_EQ(decision(policy, family).reason, SL_REASON_FAMILY);
}

}  // namespace
}  // namespace socklid
