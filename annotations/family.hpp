// SPDX-License-Identifier: Apache-2.0
//
// The names of io.socklid.families. FAMILIES := LIST of NAME, where NAME is
//
//   unix inet inet6 packet vsock ...   a family of sockets: AF_* without "AF_", lower case
//   netlink                            reading by NETLINK_ROUTE: what getifaddrs(3) does
//   netlink-audit netlink-route ...    one protocol of AF_NETLINK, reading and writing; opens
//                                      AF_NETLINK for that protocol, with or without `netlink`
//   raw                                SOCK_RAW sockets of inet and inet6, where those are open
//
// unix is always open, named or not. An empty list leaves nothing else open.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "annotations/address.hpp"

namespace socklid::annotations {

struct FamilyName {
  std::string_view name;
  Family family;
};

/// Every name there is, for the reference. Numbers: sys/socket.h (AF_*) and
/// linux/netlink.h (NETLINK_*), the same on every architecture. Families and protocols
/// that no longer have sockets in a kernel from 6.1 on, or never had, have no name.
[[nodiscard]] std::span<const FamilyName> family_names();

/// Sorted, without duplicates; as given, so `unix` is there only if it was named. Errors:
/// Exit::annotation, from fail_value().
[[nodiscard]] Result<std::vector<Family>> parse_families(const ValueText& value);

/// The name from family_names(); "kind/number" for a family that has none there.
[[nodiscard]] std::string to_string(const Family& family);
/// With one space between names.
[[nodiscard]] std::string to_string(const std::vector<Family>& families);

}  // namespace socklid::annotations
