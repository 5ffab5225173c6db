// SPDX-License-Identifier: Apache-2.0
//
// links: what `ip` does, by route netlink, as a node need not have it. Each call is for the
// network namespace that the thread is in.
//
//   SL_CHECK(add_veth({"eth0", 71, mac_a}, {"in0", 72, mac_b}, receiver_netns));
//   SL_CHECK(add_address(71, "10.231.7.2", 24));
//   SL_CHECK(set_up(71));
//
// Addresses are text as inet_pton(3) takes it. Errors: Exit::netns, naming what was asked for.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace socklid::selftest {

using Mac = std::array<std::uint8_t, 6>;

/// One end of a veth pair. The two ends get different numbers: with equal ones the kernel takes up
/// to a second to tell IPv6 of the carrier (net/core/link_watch.c: linkwatch_urgent_event).
struct End {
  std::string_view name;
  unsigned index{0};
  Mac mac{};
};

/// `here` in this namespace, `there` in that of the open descriptor `netns`.
[[nodiscard]] Result<> add_veth(const End& here, const End& there, int netns);
[[nodiscard]] Result<> set_up(unsigned index);

/// Until its carrier is there, which the kernel learns a moment after both ends are up
/// (net/core/link_watch.c), a veth drops what it is given: made before set_up(), this waits for it.
class LinkWatch {
 public:
  [[nodiscard]] static Result<LinkWatch> open();
  /// Until the interface is operational.
  [[nodiscard]] Result<> wait_for(unsigned index) const;

 private:
  explicit LinkWatch(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// Without duplicate address detection (IFA_F_NODAD), so that an IPv6 address is good at once.
[[nodiscard]] Result<> add_address(unsigned index, std::string_view address, std::uint8_t bits);
/// A permanent neighbour: no packet waits for an answer to ARP or neighbour discovery.
[[nodiscard]] Result<> add_neighbour(unsigned index, std::string_view address, const Mac& mac);
/// The default route of the gateway's version of IP.
[[nodiscard]] Result<> add_default_route(unsigned index, std::string_view gateway);

/// Writes /proc/sys/`name`, which is this namespace's where it belongs to one.
[[nodiscard]] Result<> set_sysctl(std::string_view name, std::string_view value);

}  // namespace socklid::selftest
