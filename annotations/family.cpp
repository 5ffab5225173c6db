// SPDX-License-Identifier: Apache-2.0
#include "annotations/family.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

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
    address_family("unix", AF_UNIX),
    address_family("inet", AF_INET),
    address_family("ax25", AF_AX25),
    address_family("ipx", AF_IPX),
    address_family("appletalk", AF_APPLETALK),
    address_family("netrom", AF_NETROM),
    address_family("atmpvc", AF_ATMPVC),
    address_family("x25", AF_X25),
    address_family("inet6", AF_INET6),
    address_family("rose", AF_ROSE),
    address_family("key", AF_KEY),
    address_family("netlink", AF_NETLINK),
    address_family("packet", AF_PACKET),
    address_family("atmsvc", AF_ATMSVC),
    address_family("rds", AF_RDS),
    address_family("pppox", AF_PPPOX),
    address_family("llc", AF_LLC),
    address_family("can", AF_CAN),
    address_family("tipc", AF_TIPC),
    address_family("bluetooth", AF_BLUETOOTH),
    address_family("iucv", AF_IUCV),
    address_family("rxrpc", AF_RXRPC),
    address_family("isdn", AF_ISDN),
    address_family("phonet", AF_PHONET),
    address_family("ieee802154", AF_IEEE802154),
    address_family("caif", AF_CAIF),
    address_family("alg", AF_ALG),
    address_family("nfc", AF_NFC),
    address_family("vsock", AF_VSOCK),
    address_family("kcm", AF_KCM),
    address_family("qipcrtr", AF_QIPCRTR),
    address_family("smc", AF_SMC),
    address_family("xdp", AF_XDP),
    address_family("mctp", AF_MCTP),
    netlink("netlink-route", NETLINK_ROUTE),
    netlink("netlink-usersock", NETLINK_USERSOCK),
    netlink("netlink-sock-diag", NETLINK_SOCK_DIAG),
    netlink("netlink-xfrm", NETLINK_XFRM),
    netlink("netlink-selinux", NETLINK_SELINUX),
    netlink("netlink-iscsi", NETLINK_ISCSI),
    netlink("netlink-audit", NETLINK_AUDIT),
    netlink("netlink-fib-lookup", NETLINK_FIB_LOOKUP),
    netlink("netlink-connector", NETLINK_CONNECTOR),
    netlink("netlink-netfilter", NETLINK_NETFILTER),
    netlink("netlink-kobject-uevent", NETLINK_KOBJECT_UEVENT),
    netlink("netlink-generic", NETLINK_GENERIC),
    netlink("netlink-scsitransport", NETLINK_SCSITRANSPORT),
    netlink("netlink-rdma", NETLINK_RDMA),
    netlink("netlink-crypto", NETLINK_CRYPTO),
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
