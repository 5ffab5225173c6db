// SPDX-License-Identifier: Apache-2.0
#include "annotations/family.hpp"

#include <algorithm>

namespace socklid::annotations {
namespace {

constexpr FamilyName address_family(std::string_view name, std::uint8_t number) {
  return {name, {Family::Kind::address_family, number}};
}
constexpr FamilyName netlink(std::string_view name, std::uint8_t number) {
  return {name, {Family::Kind::netlink_protocol, number}};
}

constexpr FamilyName names[] = {
    address_family("unix", 1),
    address_family("inet", 2),
    address_family("ax25", 3),
    address_family("ipx", 4),
    address_family("appletalk", 5),
    address_family("netrom", 6),
    address_family("atmpvc", 8),
    address_family("x25", 9),
    address_family("inet6", 10),
    address_family("rose", 11),
    address_family("key", 15),
    address_family("netlink", 16),
    address_family("packet", 17),
    address_family("atmsvc", 20),
    address_family("rds", 21),
    address_family("pppox", 24),
    address_family("llc", 26),
    address_family("can", 29),
    address_family("tipc", 30),
    address_family("bluetooth", 31),
    address_family("iucv", 32),
    address_family("rxrpc", 33),
    address_family("isdn", 34),
    address_family("phonet", 35),
    address_family("ieee802154", 36),
    address_family("caif", 37),
    address_family("alg", 38),
    address_family("nfc", 39),
    address_family("vsock", 40),
    address_family("kcm", 41),
    address_family("qipcrtr", 42),
    address_family("smc", 43),
    address_family("xdp", 44),
    address_family("mctp", 45),
    netlink("netlink-route", 0),
    netlink("netlink-usersock", 2),
    netlink("netlink-sock-diag", 4),
    netlink("netlink-xfrm", 6),
    netlink("netlink-selinux", 7),
    netlink("netlink-iscsi", 8),
    netlink("netlink-audit", 9),
    netlink("netlink-fib-lookup", 10),
    netlink("netlink-connector", 11),
    netlink("netlink-netfilter", 12),
    netlink("netlink-kobject-uevent", 15),
    netlink("netlink-generic", 16),
    netlink("netlink-scsitransport", 18),
    netlink("netlink-rdma", 20),
    netlink("netlink-crypto", 21),
    {"raw", {Family::Kind::raw, 0}},
};

}  // namespace

std::span<const FamilyName> family_names() {
  return names;
}

Result<std::vector<Family>> parse_families(const ValueText& value) {
  std::vector<Family> families;
  for (const std::string_view item : split_list(value.text)) {
    const auto* found = std::find_if(std::begin(names), std::end(names),
                                     [&](const FamilyName& known) { return known.name == item; });
    if (found == std::end(names)) {
      return fail_value(value, item,
                        "expected names of socket families: unix, inet, inet6, netlink, "
                        "netlink-generic, packet, vsock, raw, ...");
    }
    families.push_back(found->family);
  }
  std::sort(families.begin(), families.end());
  families.erase(std::unique(families.begin(), families.end()), families.end());
  return families;
}

std::string to_string(const Family& family) {
  for (const FamilyName& known : names) {
    if (known.family == family) return std::string(known.name);
  }
  return std::to_string(static_cast<int>(family.kind)) + "/" + std::to_string(family.number);
}

std::string to_string(const std::vector<Family>& families) {
  std::string text;
  for (const Family& family : families) {
    if (!text.empty()) text += ' ';
    text += to_string(family);
  }
  return text;
}

}  // namespace socklid::annotations
