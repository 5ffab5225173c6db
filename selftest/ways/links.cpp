// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/links.hpp"

#include <arpa/inet.h>
#include <fcntl.h>

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/unique_fd.hpp"
#include "selftest/arena/interrupt.hpp"
#include "selftest/ways/netlink_message.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// An address as attributes have it: 4 or 16 bytes in network byte order.
struct RawAddress {
  std::uint8_t family{AF_UNSPEC};
  std::array<std::uint8_t, 16> bytes{};
  [[nodiscard]] std::size_t size() const { return family == AF_INET ? 4 : 16; }
};

RawAddress raw(std::string_view text) {
  const std::string terminated(text);
  RawAddress address;
  address.family = text.find(':') == std::string_view::npos ? AF_INET : AF_INET6;
  if (::inet_pton(address.family, terminated.c_str(), address.bytes.data()) != 1) {
    address.family = AF_UNSPEC;  // the kernel refuses it
  }
  return address;
}

Result<> carry_out(const NetlinkMessage& message, const std::string& what) {
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!fd || !netlink_exchange(fd.get(), message.bytes())) return fail_errno(Exit::netns, what);
  return {};
}

void describe(NetlinkMessage& message, const End& end) {
  message.text(IFLA_IFNAME, end.name).value(IFLA_ADDRESS, end.mac);
}

/// Whether a notification, one message of RTM_NEWLINK, says that the interface is operational
/// (RFC 2863), and not merely up.
bool tells_up(std::string_view news, unsigned index) {
  struct {
    nlmsghdr netlink;
    ifinfomsg link;
  } header{};
  if (news.size() < sizeof(header)) return false;
  std::memcpy(&header, news.data(), sizeof(header));
  if (header.netlink.nlmsg_type != RTM_NEWLINK) return false;
  if (header.link.ifi_index != static_cast<int>(index)) return false;
  news.remove_prefix(sizeof(header));
  rtattr attribute{};
  while (news.size() > sizeof(attribute)) {
    std::memcpy(&attribute, news.data(), sizeof(attribute));
    if (attribute.rta_len < sizeof(attribute)) return false;
    if (attribute.rta_type == IFLA_OPERSTATE) return news[sizeof(attribute)] == IF_OPER_UP;
    news.remove_prefix(std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), news.size()));
  }
  return false;
}

constexpr std::uint16_t make = NLM_F_CREATE | NLM_F_EXCL;

}  // namespace

Result<> add_veth(const End& here, const End& there, int netns) {
  NetlinkMessage message(RTM_NEWLINK, make);
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(here.index);
  message.fixed(header);
  describe(message, here);
  message.open(IFLA_LINKINFO).text(IFLA_INFO_KIND, "veth").open(IFLA_INFO_DATA);
  message.open(VETH_INFO_PEER);
  header.ifi_index = static_cast<int>(there.index);
  message.fixed(header);
  describe(message, there);
  message.value(IFLA_NET_NS_FD, netns);
  message.close().close().close();
  return carry_out(message,
                   "make the veth pair " + std::string(here.name) + ", " + std::string(there.name));
}

Result<> set_up(unsigned index) {
  NetlinkMessage message(RTM_NEWLINK);
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  message.fixed(header);
  return carry_out(message, "set up the interface " + std::to_string(index));
}

Result<LinkWatch> LinkWatch::open() {
  UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_LINK;
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof(groups)) != 0) {
    return fail_errno(Exit::netns, "watch the interfaces");
  }
  return LinkWatch(std::move(fd));
}

Result<> LinkWatch::wait_for(unsigned index) const {
  std::array<char, 8192> news{};
  for (;;) {
    const bool any = SL_TRY(wait_readable(fd_.get()));
    const ssize_t size = any ? ::recv(fd_.get(), news.data(), news.size(), 0) : -1;
    if (size < 0) {
      return fail(Exit::netns, "the interface ", index, " does not come up");
    }
    if (tells_up({news.data(), static_cast<std::size_t>(size)}, index)) return {};
  }
}

Result<> add_address(unsigned index, std::string_view address, std::uint8_t bits) {
  const RawAddress wanted = raw(address);
  NetlinkMessage message(RTM_NEWADDR, make);
  ifaddrmsg header{};
  header.ifa_family = wanted.family;
  header.ifa_prefixlen = bits;
  header.ifa_flags = IFA_F_NODAD;
  header.ifa_index = index;
  message.fixed(header);
  message.attribute(IFA_LOCAL, wanted.bytes.data(), wanted.size());
  message.attribute(IFA_ADDRESS, wanted.bytes.data(), wanted.size());
  return carry_out(message, "give the interface " + std::to_string(index) + " the address " +
                                std::string(address));
}

Result<> add_neighbour(unsigned index, std::string_view address, const Mac& mac) {
  const RawAddress wanted = raw(address);
  NetlinkMessage message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  ndmsg header{};
  header.ndm_family = wanted.family;
  header.ndm_ifindex = static_cast<int>(index);
  header.ndm_state = NUD_PERMANENT;
  message.fixed(header);
  message.attribute(NDA_DST, wanted.bytes.data(), wanted.size()).value(NDA_LLADDR, mac);
  return carry_out(message, "make the neighbour " + std::string(address) + " known");
}

Result<> add_default_route(unsigned index, std::string_view gateway) {
  const RawAddress wanted = raw(gateway);
  NetlinkMessage message(RTM_NEWROUTE, make);
  rtmsg header{};
  header.rtm_family = wanted.family;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  message.fixed(header);
  message.attribute(RTA_GATEWAY, wanted.bytes.data(), wanted.size()).value(RTA_OIF, index);
  return carry_out(message, "route by " + std::string(gateway));
}

Result<> set_sysctl(std::string_view name, std::string_view value) {
  const std::string path = "/proc/sys/" + std::string(name);
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), value.data(), value.size()) < 0) {
    return fail_errno(Exit::netns, "write " + std::string(value) + " to " + path);
  }
  return {};
}

}  // namespace socklid::selftest
