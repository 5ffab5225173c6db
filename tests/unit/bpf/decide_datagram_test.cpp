// SPDX-License-Identifier: Apache-2.0
//
// What honest programs do with sockets that a policy has to let go on: name look-ups that connect
// datagram sockets and send nothing, resolvers that choose their ports, pings that ask for a raw
// socket first, listeners on loopback. Fails if one of them is refused, or opens more than it
// needs.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "bpf/decide.h"
#include "tests/support/decide_attempts.hpp"
#include "tests/support/nft_policy.hpp"

namespace socklid::test {
namespace {

Policy connect_list(const std::string& list) {
  Policy policy;
  policy.connect = endpoints(list);
  return policy;
}

int answer(const Policy& policy, NetnsKind netns, const sl_attempt& attempt) {
  const Plan plan = compile(policy, {.netns = netns, .slot = 0});
  host_lists() = plan.lists;
  sl_attempt marked = attempt;
  marked.mark = plan.image.mark;
  return -sl_decide(&plan.image, &marked).error;
}

sl_reason packet_reason(const Policy& policy, std::uint8_t protocol, std::uint16_t port,
                        std::uint16_t flags = 0) {
  const Plan plan = compile(policy);
  host_lists() = plan.lists;
  sl_packet packet{};
  packet.family = AF_INET;
  packet.protocol = protocol;
  packet.port = port;
  packet.flags = flags;
  packet.address[0] = htonl(0x0a010203);
  return static_cast<sl_reason>(sl_decide_labels(&plan.image, &packet).reason);
}

/// A connection of a socket that sends no broadcasts.
sl_attempt connection(std::uint16_t family, std::uint16_t port) {
  sl_attempt attempt = on(SL_VERB_CONNECT, family, datagram, port);
  attempt.flags |= SL_ATTEMPT_UNICAST;
  return attempt;
}

TEST(DecideDatagram, ConnectionsUnderAListAreLeftToTheirPackets) {
  const Policy list = connect_list("tcp/443 udp/53");
  EXPECT_EQ(decide(list, connection(inet, 443)), 0);
  EXPECT_EQ(decide(list, connection(inet6, 443)), 0);
  EXPECT_EQ(decide(list, on(SL_VERB_CONNECT, inet, stream, 80)), EPERM);
  sl_attempt send = on(SL_VERB_SEND, inet, datagram, 443);
  send.flags |= SL_ATTEMPT_ADDRESS;
  EXPECT_EQ(decide(list, send), EPERM) << "a send that names its peer is judged by that";
  sl_attempt lite = connection(inet, 443);
  lite.protocol = IPPROTO_UDPLITE;
  EXPECT_EQ(decide(list, lite), EPERM);
  sl_attempt outside = connection(inet, 443);
  outside.flags |= SL_ATTEMPT_OUTSIDE;
  EXPECT_EQ(decide(list, outside), EPERM) << "its packets nobody sees";
  const sl_attempt other = connection(inet, 443);
  EXPECT_EQ(answer(list, NetnsKind::own, other), 0);
  EXPECT_EQ(answer(list, NetnsKind::shared, other), EPERM) << "a broadcast's copy is a neighbour's";
  EXPECT_EQ(answer(list, NetnsKind::host, other), EPERM);
  sl_attempt nested = other;
  nested.netns = 77;
  EXPECT_EQ(decide(list, nested), EPERM) << "what stays in there nobody sees";
}

TEST(DecideDatagram, WhatGoesToManyIsJudgedAtOnce) {
  const Policy list = connect_list("udp/53 udp/5353@224.0.0.251");
  EXPECT_EQ(decide(list, on(SL_VERB_CONNECT, inet, datagram, 443)), EPERM)
      << "the socket may send broadcasts";
  for (const std::uint32_t many : {0xe0000001U, 0xef010101U, 0xf0000001U, 0xffffffffU}) {
    sl_attempt attempt = connection(inet, 443);
    attempt.address[0] = htonl(many);
    EXPECT_EQ(decide(list, attempt), EPERM) << std::hex << many;
  }
  sl_attempt group = connection(inet6, 443);
  group.address[0] = htonl(0xff020000);
  EXPECT_EQ(decide(list, group), EPERM);
  sl_attempt named = connection(inet, 5353);
  named.address[0] = htonl(0xe00000fb);
  EXPECT_EQ(decide(list, named), 0);
  sl_attempt broadcast = on(SL_VERB_SETSOCKOPT, inet, datagram);
  broadcast.level = SOL_SOCKET;
  broadcast.option = SO_BROADCAST;
  EXPECT_EQ(decide(list, broadcast), 0);
  broadcast.flags |= SL_ATTEMPT_UNICAST;
  EXPECT_EQ(decide(list, broadcast), EPERM);
}

TEST(DecideDatagram, ConnectionsAreRefusedAtOnceWhereNothingIsNamedOrASealWaits) {
  Policy nothing;
  nothing.connect.emplace();
  EXPECT_EQ(decide(nothing, on(SL_VERB_CONNECT, inet, datagram, 53)), EPERM);
  Policy sealed = connect_list("tcp/443");
  sealed.seal = {annotations::Seal::Kind::manual, {}, 0};
  EXPECT_EQ(decide(sealed, on(SL_VERB_CONNECT, inet, datagram, 53)), EPERM);
  EXPECT_EQ(packet_reason(sealed, IPPROTO_UDP, 53), SL_REASON_NONE)
      << "what was connected before the seal goes on";
}

TEST(DecideDatagram, PacketsUnderAListGoToWhomItNames) {
  const Policy list = connect_list("tcp/443 udp/53@10.0.0.0/8");
  EXPECT_EQ(packet_reason(list, IPPROTO_UDP, 53), SL_REASON_NONE);
  EXPECT_EQ(packet_reason(list, IPPROTO_UDP, 443), SL_REASON_CONNECT);
  EXPECT_EQ(packet_reason(connect_list("udp/53@10.1.2.4"), IPPROTO_UDP, 53), SL_REASON_CONNECT);
  EXPECT_EQ(packet_reason(list, IPPROTO_UDP, 53, SL_PACKET_UNREAD), SL_REASON_CONNECT);
  EXPECT_EQ(packet_reason(list, IPPROTO_UDP, 443, SL_PACKET_ARRIVES), SL_REASON_NONE);
  EXPECT_EQ(packet_reason(list, IPPROTO_UDP, 443, SL_PACKET_RAW), SL_REASON_NONE);
  EXPECT_EQ(packet_reason(list, IPPROTO_TCP, 80), SL_REASON_NONE) << "connect(2) has judged it";
  EXPECT_EQ(packet_reason(policy("tcp/443"), IPPROTO_UDP, 53), SL_REASON_NONE);
}

TEST(DecideDatagram, OrdinaryPortsAreFreeUnderEgressInANamespaceOfOnesOwn) {
  const Policy resolver = policy("udp/53", "udp/53");
  sl_attempt ordinary = on(SL_VERB_BIND, inet, datagram, 40001);
  ordinary.flags |= SL_ATTEMPT_ORDINARY_PORT;
  EXPECT_EQ(answer(resolver, NetnsKind::own, ordinary), 0);
  EXPECT_EQ(answer(resolver, NetnsKind::shared, ordinary), EPERM);
  EXPECT_EQ(answer(resolver, NetnsKind::host, ordinary), EPERM);
  EXPECT_EQ(answer(resolver, NetnsKind::own, on(SL_VERB_BIND, inet, datagram, 54)), EPERM);
  EXPECT_EQ(answer(bind_list({}), NetnsKind::own, ordinary), EPERM) << "nobody judges what comes";
  ordinary.type = stream;
  ordinary.protocol = IPPROTO_TCP;
  EXPECT_EQ(answer(resolver, NetnsKind::own, ordinary), EPERM);
}

TEST(DecideDatagram, ARawSocketOfIcmpIsRefusedSoThatPingsFallBack) {
  const Policy pings = policy("icmp");
  EXPECT_EQ(decide(pings, create(inet, raw, IPPROTO_ICMP)), EPERM);
  EXPECT_EQ(decide(pings, create(inet6, raw, IPPROTO_ICMPV6)), EPERM);
  EXPECT_EQ(decide(pings, create(inet, raw, IPPROTO_RAW)), EPROTONOSUPPORT);
  EXPECT_EQ(decide(pings, create(inet, raw, IPPROTO_TCP)), EPROTONOSUPPORT);
  EXPECT_EQ(decide(policy("udp/53"), create(inet, raw, IPPROTO_ICMP)), EPROTONOSUPPORT);
  Policy opened = policy("icmp");
  opened.families = {{annotations::Family::Kind::address_family, inet},
                     {annotations::Family::Kind::raw, 0}};
  EXPECT_EQ(decide(opened, create(inet, raw, IPPROTO_ICMP)), 0);
}

TEST(DecideSandbox, SetsUpLoopbackWhereNothingElseIs) {
  const Plan plan = compile(bind_list({}));
  sl_policy image = plan.image;
  image.home = 10;
  image.host = 11;
  sl_attempt message = on(SL_VERB_NETLINK, netlink, raw);
  message.protocol = 0;
  sl_attempt flags = on(SL_VERB_IOCTL, inet, datagram);
  flags.option = SIOCSIFFLAGS;
  for (sl_attempt attempt : {message, flags}) {
    attempt.netns = 12;
    EXPECT_EQ(sl_decide(&image, &attempt).error, -EPERM) << "another device may be there";
    attempt.flags |= SL_ATTEMPT_SETS_UP;
    EXPECT_EQ(sl_decide(&image, &attempt).error, 0);
    for (const std::uint32_t netns : {10U, 11U, 0U}) {
      attempt.netns = netns;
      EXPECT_EQ(sl_decide(&image, &attempt).error, -EPERM) << netns;
    }
  }
}

TEST(DecideDatagram, ListenersOnLoopbackHaveAnyPortThere) {
  Policy loopback;
  loopback.bind = endpoints("tcp@127.0.0.1 tcp/80");
  sl_attempt listen = on(SL_VERB_LISTEN, inet, stream, 35001);
  listen.flags = 0;  // the kernel has chosen the port
  listen.address[0] = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(decide(loopback, listen), 0);
  listen.address[0] = 0;
  EXPECT_EQ(decide(loopback, listen), EPERM) << "the wildcard address is not loopback";
  listen.address[0] = htonl(0x0a010203);
  EXPECT_EQ(decide(loopback, listen), EPERM);
  listen.address[0] = htonl(INADDR_LOOPBACK);
  sl_attempt chosen = on(SL_VERB_BIND, inet, stream, 0);
  EXPECT_EQ(decide(loopback, chosen), EPERM) << "another thread could be in listen(2)";
  chosen.address[0] = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(decide(loopback, chosen), 0);
  chosen.type = datagram;
  chosen.protocol = IPPROTO_UDP;
  chosen.address[0] = 0;
  EXPECT_EQ(decide(loopback, chosen), 0);
  EXPECT_EQ(decide(policy("", "tcp/80"), on(SL_VERB_BIND, inet, stream, 0)), 0);
  loopback.bind = endpoints("tcp/0-40000@127.0.0.1");
  EXPECT_EQ(decide(loopback, listen), EPERM) << "the kernel may choose another one";
}

}  // namespace
}  // namespace socklid::test
