// SPDX-License-Identifier: Apache-2.0
//
// The parts of tamper_rows(), in the order of the report. Each is in PART.cpp of this folder.
#pragma once

#include <linux/bpf.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "selftest/row.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/elsewhere.hpp"
#include "selftest/ways/netlink_message.hpp"

namespace socklid::selftest {

using Rows = std::vector<Row>;

/// A mark that no policy of a trial sets, as setsockopt(2) and netlink take it.
inline constexpr std::uint32_t other_mark = 0x77;

/// Flags of a netlink message that makes what is not there yet.
inline constexpr std::uint16_t make_new = NLM_F_CREATE | NLM_F_EXCL;

/// Another mark is refused as an option, or the rules see what it is.
inline constexpr Stops stops_mark{Guard::option, Guard::mark, Guard::mark};

/// An address of nobody (RFC 5737).
[[nodiscard]] inline in_addr nowhere() {
  return {htonl(0xc0000207)};
}

/// Once, by what the call says: no use of bpf(2) is allowed.
[[nodiscard]] inline Row bpf_row(std::string_view name, Act attempt) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::done,
          .stops = always(Guard::bpf),
          .attempt = attempt};
}

[[nodiscard]] Rows tamper_nft();        ///< rules before or instead of ours
[[nodiscard]] Rows tamper_xtables();    ///< rules by the socket options of iptables and its kin
[[nodiscard]] Rows tamper_xfrm();       ///< transforms of packets
[[nodiscard]] Rows tamper_mark();       ///< another mark
[[nodiscard]] Rows tamper_option();     ///< other socket options
[[nodiscard]] Rows tamper_group();      ///< multicast groups, their sources, anycast
[[nodiscard]] Rows tamper_route();      ///< routes, addresses, neighbours
[[nodiscard]] Rows tamper_traffic();    ///< traffic control
[[nodiscard]] Rows tamper_link();       ///< interfaces
[[nodiscard]] Rows tamper_transport();  ///< one netlink message, by every way to send it
[[nodiscard]] Rows tamper_ioctl();      ///< interfaces, addresses and routes by ioctl(2)
[[nodiscard]] Rows tamper_compat();     ///< 32-bit calls
[[nodiscard]] Rows tamper_namespace();  ///< another network namespace
[[nodiscard]] Rows tamper_cgroup();     ///< another cgroup
[[nodiscard]] Rows tamper_bpf();        ///< bpf(2)
[[nodiscard]] Rows tamper_program();    ///< BPF programs that somebody else has loaded, and perf

/// The token by UDP from a new socket to scene.target.
[[nodiscard]] Outcome send_to_target(const Scene& scene);

/// Has the kernel carry out one message by route netlink.
[[nodiscard]] Outcome change_by_netlink(const NetlinkMessage& message);

/// Attaches the program that `load` gives to the container's own cgroup, and detaches it again.
[[nodiscard]] Outcome attach_to_own_cgroup(UniqueFd (*load)(), bpf_attach_type type);

/// A batch of nf_tables that adds a table and deletes it again.
[[nodiscard]] std::string own_table_batch();

}  // namespace socklid::selftest
