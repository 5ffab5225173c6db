// SPDX-License-Identifier: Apache-2.0
//
// Options by which the kernel speaks to the link for the container, or listens there for it:
// multicast groups, their sources, and anycast addresses. (Left out: that a group may be joined one
// second after the other, sixteen in all; tests/kernel/joins_test.cpp has it.)
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <linux/in6.h>

#include <cstring>
#include <string>
#include <string_view>

#include "selftest/rows/rows.hpp"
#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/compat.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr int join_anycast = 27;  // IPV6_JOIN_ANYCAST, linux/in6.h

int level_of(const Scene& scene) {
  return scene.ip == Ip::v4 ? int{IPPROTO_IP} : int{IPPROTO_IPV6};
}

/// Nobody's: of the ranges for local use (RFC 2365, RFC 4291).
Address group(const Scene& scene, char last) {
  const std::string text = scene.ip == Ip::v4 ? "239.255.94.3" : "ff15::5e1";
  return make_address(text + last, 0);
}

/// The same by the older option of each version, whose value begins with the address.
bool join_by_address(int fd, const Scene& scene, const Address& wanted) {
  const std::string address = address_bytes(wanted);
  if (scene.ip == Ip::v4) {
    ip_mreqn membership{};
    membership.imr_ifindex = static_cast<int>(scene.interface);
    std::memcpy(&membership.imr_multiaddr, address.data(), address.size());
    return set_bytes(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, bytes_of(membership));
  }
  ipv6_mreq membership{};
  membership.ipv6mr_interface = scene.interface;
  std::memcpy(&membership.ipv6mr_multiaddr, address.data(), address.size());
  return set_bytes(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, bytes_of(membership));
}

/// The same by 32-bit code, whose struct group_req has no gap (include/net/compat.h).
bool join_by_compat(int fd, const Scene& scene, const Address& wanted) {
  const std::string request = bytes_of(scene.interface) + bytes_of(wanted.storage);
  return compat_setsockopt(Gate::direct, fd, level_of(scene), MCAST_JOIN_GROUP, request);
}

using Join = bool (*)(int fd, const Scene& scene, const Address& wanted);

/// Each is reported to the link by itself.
template <Join join_one>
Outcome join_two(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!join_one(fd.get(), scene, group(scene, '1'))) return failed("the first group");
  if (!join_one(fd.get(), scene, group(scene, '2'))) return failed("the second group");
  return {};
}

/// The program that counts joins is asked for sockets that were made in the container.
Outcome join_from_elsewhere(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::udp);
  if (!fd) return failed("borrow");
  if (!join_group(fd.get(), scene, group(scene, '1'))) return failed("MCAST_JOIN_GROUP");
  return {};
}

/// Wants a group from sources that spell the token, one after the other. The kernel reports them a
/// tick of its clock later, all together (net/ipv4/igmp.c, net/ipv6/mcast.c: ip6_mc_source).
Outcome report_one_by_one(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  const Address wanted = group(scene, '3');
  const std::size_t size = scene.ip == Ip::v4 ? sizeof(in_addr) : sizeof(in6_addr);
  group_source_req source{};
  source.gsr_interface = scene.interface;
  std::memcpy(&source.gsr_group, wanted.get(), wanted.length);
  for (std::size_t at = 0; at < scene.token.size(); at += size) {
    source.gsr_source = address_of(scene.family(), token_text(scene).substr(at, size)).storage;
    if (!set_bytes(fd.get(), level_of(scene), MCAST_JOIN_SOURCE_GROUP, bytes_of(source))) {
      return failed("MCAST_JOIN_SOURCE_GROUP");
    }
  }
  // Nothing tells a process that the report has gone.
  ::poll(nullptr, 0, 300);
  return {};
}

/// An anycast address may be any of the link, is answered for, and is a source (net/ipv6/anycast.c,
/// net/ipv6/datagram.c: ipv6_chk_addr_and_flags or ipv6_chk_acast_addr_src).
Outcome send_from_anycast(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_INET6, SOCK_DGRAM);
  if (!fd) return failed("socket");
  const std::string address = address_bytes(make_address("fd5e:1f::77", 0));
  ipv6_mreq membership{};
  membership.ipv6mr_interface = scene.interface;
  std::memcpy(&membership.ipv6mr_multiaddr, address.data(), address.size());
  if (!set_bytes(fd.get(), IPPROTO_IPV6, join_anycast, bytes_of(membership))) {
    return failed("IPV6_JOIN_ANYCAST");
  }
  TokenMessage message(scene, scene.named);
  in6_pktinfo info{};
  info.ipi6_ifindex = scene.interface;
  std::memcpy(&info.ipi6_addr, address.data(), address.size());
  message.control(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
  if (!message.send(fd.get())) return failed("sendmsg");
  return {};
}

Row counted_row(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .proof = Proof::done,
          .stops = always(Guard::join),
          .attempt = attempt,
          .why = "of each group the kernel tells the link",
          .annotations = {egress_annotation},
          .alone = true};
}

}  // namespace

Rows tamper_group() {
  return {
      counted_row("two multicast groups at once", join_two<join_group>),
      counted_row("two multicast groups at once, by address", join_two<join_by_address>),
      by_gate<Gate::direct>({.name = "two multicast groups at once, by 32-bit calls",
                             .proof = Proof::done,
                             .stops = always(Guard::option),
                             .attempt = join_two<join_by_compat>,
                             .annotations = {egress_annotation},
                             .alone = true}),
      {.name = "a multicast group by a socket from elsewhere",
       .proof = Proof::done,
       .stops = always(Guard::foreign),
       .attempt = join_from_elsewhere,
       .annotations = {egress_annotation}},
      {.name = "data in reports of sources, joined one by one",
       .stops = always(Guard::option),
       .attempt = report_one_by_one,
       .why = "the kernel reports to all hosts of the link whom a group is wanted from",
       .alone = true},
      {.name = "UDP from an anycast address of the link",
       .each = Each::v6_only,
       .stops = always(Guard::option),
       .attempt = send_from_anycast,
       .alone = true},
  };
}

}  // namespace socklid::selftest
