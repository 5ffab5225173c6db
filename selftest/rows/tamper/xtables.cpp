// SPDX-License-Identifier: Apache-2.0
//
// Rules by socket options, as iptables, ip6tables, arptables and ebtables wrote them before nft.
// Each attempt puts back what it has read, a whole table: the kernel takes that from who may change
// it, and from nobody else.
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/mroute.h>
#include <linux/mroute6.h>
#include <linux/netfilter_arp/arp_tables.h>
#include <linux/netfilter_bridge/ebtables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <vector>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// The same three requests under other names: x_tables of one protocol.
struct Ipv4 {
  using Info = ipt_getinfo;
  using Entries = ipt_get_entries;
  using Replace = ipt_replace;
  static constexpr int family = AF_INET, level = IPPROTO_IP;
  static constexpr int info = IPT_SO_GET_INFO, entries = IPT_SO_GET_ENTRIES;
  static constexpr int replace = IPT_SO_SET_REPLACE, counters = IPT_SO_SET_ADD_COUNTERS;
};
struct Ipv6 {
  using Info = ip6t_getinfo;
  using Entries = ip6t_get_entries;
  using Replace = ip6t_replace;
  static constexpr int family = AF_INET6, level = IPPROTO_IPV6;
  static constexpr int info = IP6T_SO_GET_INFO, entries = IP6T_SO_GET_ENTRIES;
  static constexpr int replace = IP6T_SO_SET_REPLACE, counters = IP6T_SO_SET_ADD_COUNTERS;
};
struct Arp {
  using Info = arpt_getinfo;
  using Entries = arpt_get_entries;
  using Replace = arpt_replace;
  static constexpr int family = AF_INET, level = IPPROTO_IP;
  static constexpr int info = ARPT_SO_GET_INFO, entries = ARPT_SO_GET_ENTRIES;
  static constexpr int replace = ARPT_SO_SET_REPLACE;
};

template <typename Tables>
bool read_info(int fd, typename Tables::Info& info) {
  socklen_t length = sizeof(info);
  std::strcpy(info.name, "filter");
  return ::getsockopt(fd, Tables::level, Tables::info, &info, &length) == 0;
}

/// What IPT_SO_SET_REPLACE takes: the table's header and entries. `counters` gets the old ones.
template <typename Tables>
std::vector<std::byte> replacement(const typename Tables::Info& info,
                                   const std::vector<std::byte>& entries,
                                   std::vector<xt_counters>& counters) {
  typename Tables::Replace header{};
  std::strcpy(header.name, info.name);
  header.valid_hooks = info.valid_hooks;
  header.num_entries = info.num_entries;
  header.size = info.size;
  std::copy(std::begin(info.hook_entry), std::end(info.hook_entry), header.hook_entry);
  std::copy(std::begin(info.underflow), std::end(info.underflow), header.underflow);
  counters.resize(info.num_entries);
  header.num_counters = info.num_entries;
  header.counters = counters.data();
  std::vector<std::byte> request(offsetof(typename Tables::Replace, entries) + info.size);
  std::memcpy(request.data(), &header, offsetof(typename Tables::Replace, entries));
  std::copy_n(entries.begin() + offsetof(typename Tables::Entries, entrytable), info.size,
              request.begin() + offsetof(typename Tables::Replace, entries));
  return request;
}

template <typename Tables>
Outcome replace_table(const Scene& /*scene*/) {
  const UniqueFd fd = open_socket(Tables::family, SOCK_DGRAM);
  if (!fd) return failed("socket");
  typename Tables::Info info{};
  if (!read_info<Tables>(fd.get(), info)) return failed("read the table's shape");
  std::vector<std::byte> entries(offsetof(typename Tables::Entries, entrytable) + info.size);
  typename Tables::Entries head{};
  std::strcpy(head.name, info.name);
  head.size = info.size;
  std::memcpy(entries.data(), &head, offsetof(typename Tables::Entries, entrytable));
  auto length = static_cast<socklen_t>(entries.size());
  if (::getsockopt(fd.get(), Tables::level, Tables::entries, entries.data(), &length) != 0)
    return failed("read the table");
  std::vector<xt_counters> counters;
  const auto request = replacement<Tables>(info, entries, counters);
  if (::setsockopt(fd.get(), Tables::level, Tables::replace, request.data(),
                   static_cast<socklen_t>(request.size())) != 0)
    return failed("replace the table");
  return {};
}

template <typename Tables>
Outcome add_counters(const Scene& /*scene*/) {
  const UniqueFd fd = open_socket(Tables::family, SOCK_STREAM);
  if (!fd) return failed("socket");
  typename Tables::Info info{};
  if (!read_info<Tables>(fd.get(), info)) return failed("read the table's shape");
  xt_counters_info header{};
  std::strcpy(header.name, info.name);
  header.num_counters = info.num_entries;
  std::vector<std::byte> request(sizeof(header) + info.num_entries * sizeof(xt_counters));
  std::memcpy(request.data(), &header, sizeof(header));
  if (::setsockopt(fd.get(), Tables::level, Tables::counters, request.data(),
                   static_cast<socklen_t>(request.size())) != 0)
    return failed("add to the counters");
  return {};
}

/// The bridge's filter table as it is when new: three empty chains
/// (net/bridge/netfilter/ebtable_filter.c).
Outcome replace_bridge_table(const Scene& /*scene*/) {
  const UniqueFd fd = open_socket(AF_INET, SOCK_DGRAM);
  if (!fd) return failed("socket");
  constexpr std::array hooks{NF_BR_LOCAL_IN, NF_BR_FORWARD, NF_BR_LOCAL_OUT};
  constexpr std::array names{"INPUT", "FORWARD", "OUTPUT"};
  std::array<ebt_entries, hooks.size()> chains{};
  ebt_replace header{};
  std::strcpy(header.name, "filter");
  header.entries_size = sizeof(chains);
  header.entries = reinterpret_cast<char*>(chains.data());  // NOLINT
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    std::strcpy(chains[i].name, names[i]);
    chains[i].policy = EBT_ACCEPT;
    header.valid_hooks |= 1U << hooks[i];
    header.hook_entry[hooks[i]] = &chains[i];
  }
  std::vector<std::byte> request(sizeof(header) + sizeof(chains));
  std::memcpy(request.data(), &header, sizeof(header));
  if (::setsockopt(fd.get(), IPPROTO_IP, EBT_SO_SET_ENTRIES, request.data(),
                   static_cast<socklen_t>(request.size())) != 0)
    return failed("replace the table");
  return {};
}

/// Multicast routing belongs to a raw socket (net/ipv4/ipmr.c, net/ipv6/ip6mr.c).
Outcome route_multicast(const Scene& scene) {
  const bool v4 = scene.ip == Ip::v4;
  const int protocol = v4 ? int{IPPROTO_IGMP} : int{IPPROTO_ICMPV6};
  const UniqueFd fd = open_socket(scene.family(), SOCK_RAW, protocol);
  if (!fd) return failed("socket");
  const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
  if (!set_option(fd.get(), level, v4 ? MRT_INIT : MRT6_INIT, 1)) return failed("begin to route");
  return {};
}

Row option_row(std::string_view name, Act attempt, std::vector<std::string_view> modules) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::done,
          .stops = always(Guard::option),
          .attempt = attempt,
          .modules = std::move(modules)};
}

}  // namespace

Rows tamper_xtables() {
  return {
      option_row("iptables: replace a table by socket option", replace_table<Ipv4>,
                 {"ip_tables", "iptable_filter"}),
      option_row("iptables: add to counters by socket option", add_counters<Ipv4>,
                 {"ip_tables", "iptable_filter"}),
      option_row("ip6tables: replace a table by socket option", replace_table<Ipv6>,
                 {"ip6_tables", "ip6table_filter"}),
      option_row("ip6tables: add to counters by socket option", add_counters<Ipv6>,
                 {"ip6_tables", "ip6table_filter"}),
      option_row("arptables: replace a table by socket option", replace_table<Arp>,
                 {"arp_tables", "arptable_filter"}),
      option_row("ebtables: replace a table by socket option", replace_bridge_table,
                 {"ebtables", "ebtable_filter"}),
      {.name = "multicast routing by a raw socket",
       .proof = Proof::done,
       .stops = always(Guard::protocol),
       .attempt = route_multicast},
  };
}

}  // namespace socklid::selftest
