// SPDX-License-Identifier: Apache-2.0
//
// Netlink beyond route netlink: each protocol speaks to a part of the kernel of its own.
#include <sys/socket.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/tipc_netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "selftest/rows/family/family.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/netlink_message.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

template <int protocol>
Outcome open_netlink(const Scene&) {
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, protocol);
  if (!fd) return failed("socket");
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  if (!bind_to(fd.get(), as_address(own))) return failed("bind");
  return {};
}

/// The value of a 16-bit attribute of generic netlink's answer; 0 if it is not there.
std::uint16_t find_number(std::string_view attributes, std::uint16_t type) {
  nlattr header{};
  while (attributes.size() >= sizeof(header)) {
    std::memcpy(&header, attributes.data(), sizeof(header));
    if (header.nla_len < sizeof(header) || header.nla_len > attributes.size()) break;
    std::uint16_t value = 0;
    if (header.nla_type == type && header.nla_len == sizeof(header) + sizeof(value)) {
      std::memcpy(&value, attributes.data() + sizeof(header), sizeof(value));
      return value;
    }
    attributes.remove_prefix(std::min<std::size_t>(NLA_ALIGN(header.nla_len), attributes.size()));
  }
  return 0;
}

/// The number of a family of generic netlink, which is its message type; 0 and errno if the kernel
/// does not know the name.
std::uint16_t generic_family(int fd, std::string_view name) {
  NetlinkMessage request(GENL_ID_CTRL);
  request.fixed(genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0}).text(CTRL_ATTR_FAMILY_NAME, name);
  if (::send(fd, request.bytes().data(), request.bytes().size(), 0) < 0) return 0;
  std::array<char, 8192> answer{};
  const ssize_t size = ::recv(fd, answer.data(), answer.size(), 0);
  constexpr std::size_t head = NLMSG_HDRLEN + GENL_HDRLEN;
  if (size < static_cast<ssize_t>(head)) return 0;
  const std::string_view attributes(answer.data() + head, static_cast<std::size_t>(size) - head);
  const std::uint16_t number = find_number(attributes, CTRL_ATTR_FAMILY_ID);
  if (number == 0) {
    errno = ENOENT;
    return 0;
  }
  // The acknowledgement is a datagram of its own, behind the answer.
  return netlink_answer(fd) ? number : 0;
}

/// Has TIPC look for its neighbours by UDP: a socket of the kernel's sends to the target.
Outcome tipc_bearer(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  if (!fd) return failed("socket");
  const std::uint16_t family = generic_family(fd.get(), TIPC_GENL_V2_NAME);
  if (family == 0) return failed("CTRL_CMD_GETFAMILY");
  NetlinkMessage message(family);
  message.fixed(genlmsghdr{TIPC_NL_BEARER_ENABLE, TIPC_GENL_V2_VERSION, 0});
  message.open(TIPC_NLA_BEARER | NLA_F_NESTED).text(TIPC_NLA_BEARER_NAME, "udp:selftest");
  message.open(TIPC_NLA_BEARER_UDP_OPTS | NLA_F_NESTED);
  message.value(TIPC_NLA_UDP_LOCAL, scene.local.storage);
  message.value(TIPC_NLA_UDP_REMOTE, scene.target.storage);
  message.close().close();
  if (!netlink_exchange(fd.get(), message.bytes())) return failed("TIPC_NL_BEARER_ENABLE");
  return {};
}

template <int protocol>
Row protocol_row(std::string_view name, std::string_view why,
                 const std::vector<std::string_view>& modules = {}) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::done,
          .stops = always(Guard::protocol),
          .attempt = open_netlink<protocol>,
          .why = why,
          .modules = modules};
}

}  // namespace

std::vector<Row> netlink_rows() {
  return {
      protocol_row<NETLINK_NETFILTER>("netlink: netfilter", "nft rules and conntrack"),
      protocol_row<NETLINK_XFRM>("netlink: xfrm", "IPsec", {"xfrm_user"}),
      protocol_row<NETLINK_GENERIC>("netlink: generic", "wireguard, TIPC, L2TP, MPTCP"),
      protocol_row<NETLINK_SOCK_DIAG>("netlink: sock_diag", "reads and kills others' sockets"),
      protocol_row<NETLINK_AUDIT>("netlink: audit", "audit rules of the node"),
      protocol_row<NETLINK_KOBJECT_UEVENT>("netlink: kobject_uevent", "events of devices"),
      protocol_row<NETLINK_CONNECTOR>("netlink: connector", "events of processes"),
      protocol_row<NETLINK_USERSOCK>("netlink: usersock", "processes of the node among themselves"),
      protocol_row<NETLINK_FIB_LOOKUP>("netlink: fib_lookup", "routes"),
      protocol_row<NETLINK_SCSITRANSPORT>("netlink: scsitransport", "disks behind fabrics",
                                          {"scsi_transport_fc"}),
      protocol_row<NETLINK_ISCSI>("netlink: iscsi", "disks over TCP", {"scsi_transport_iscsi"}),
      protocol_row<NETLINK_CRYPTO>("netlink: crypto", "algorithms of the kernel", {"crypto_user"}),
      protocol_row<NETLINK_RDMA>("netlink: rdma", "devices that bypass the network", {"ib_core"}),
      {.name = "TIPC bearer over UDP, by generic netlink",
       .stops = always(Guard::protocol),
       .attempt = tipc_bearer,
       .modules = {"tipc"},
       .alone = true},
      {.name = "netlink-generic opened: TIPC bearer over UDP",
       .stops = always(Guard::unmarked),
       .attempt = tipc_bearer,
       .modules = {"tipc"},
       .annotations = {"io.socklid.families=inet inet6 netlink-generic", egress_annotation},
       .alone = true,
       .lines = Row::Lines::rules},  // by a socket of the kernel
  };
}

}  // namespace socklid::selftest
