// SPDX-License-Identifier: Apache-2.0
//
// nft: tables of ours in one network namespace: put one there, take it away, ask about them.
//
//   NetlinkSocket netlink = SL_TRY(NetlinkSocket::open());   // inside the container's namespace
//   SL_CHECK(install(netlink, ruleset));
//   ...
//   if (SL_TRY(owner(netlink, table)) == table_comment(id, cgroup_id))
//     SL_CHECK(uninstall(netlink, table));
//
// Only files called nft*.cpp here know libnftnl and libmnl. Every request needs CAP_NET_ADMIN in
// the user namespace that owns the network namespace; errors are Exit::nft, one line, and name the
// object that the kernel refused.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "nft/netlink.hpp"
#include "plan/rules/ruleset.hpp"

namespace socklid {

/// Whether this program has nft in it, see hook/handover.hpp. If not, all that follows is an error.
[[nodiscard]] bool has_nft();

/// One atomic batch: removes whatever table of that name there is, and puts this one in its
/// place. At no time are there fewer rules than before or after; on an error nothing changed.
/// Another's table goes with it: ask owner() first.
[[nodiscard]] Result<> install(NetlinkSocket& netlink, const NftRuleset& ruleset);

/// Removes the table whosever it is. That there is none is success (I7), and that its maker keeps
/// it for himself, for ours has no owner.
[[nodiscard]] Result<> uninstall(NetlinkSocket& netlink, const std::string& table);

/// The same of a table whose owner() `is_wanted` likes; any other stays. By the kernel's handle, so
/// that it is not one that has come to that name since.
[[nodiscard]] Result<> uninstall_if(NetlinkSocket& netlink, const std::string& table,
                                    const std::function<bool(const std::string&)>& is_wanted);

/// Whose the table is: its table_comment(); empty if it has no comment of that form; nothing if
/// there is no table.
[[nodiscard]] Result<std::optional<std::string>> owner(NetlinkSocket& netlink,
                                                       const std::string& table);

struct Table {
  std::uint8_t slot{0};  ///< its name is table_name(slot)
  std::string owner;     ///< as of owner(), or empty
  friend bool operator==(const Table&, const Table&) = default;
};
/// Every table of family inet with a name of ours.
[[nodiscard]] Result<std::vector<Table>> tables(NetlinkSocket& netlink);

struct RuleCounter {
  std::string chain;
  std::string comment;  ///< names the annotation: "io.socklid.egress: not named"
  std::uint64_t packets{0};
  std::uint64_t bytes{0};
  friend bool operator==(const RuleCounter&, const RuleCounter&) = default;
};

/// Every counted rule of the table, in no order between chains and in order within one. Empty if
/// there is no table. Counters begin at 0 with each install().
[[nodiscard]] Result<std::vector<RuleCounter>> counters(NetlinkSocket& netlink,
                                                        const std::string& table);

}  // namespace socklid
