// SPDX-License-Identifier: Apache-2.0
//
// Placement: whose network namespace a container is in. Where others are in it too, `egress` is
// enforced in another way than in one of the container's own.
//
//   own      nft rules for all that leaves, table `socklid`
//   shared   nft rules for what has the container's slot in its mark, table `socklid_SLOT`, and
//            behind them the container's own cgroup programs, which no neighbour can take away
//   host     the cgroup programs alone: no rule of ours may be there (D6)
//
// Pure: found out by node/netns.hpp and hook/hook.cpp, used by compile() and compile_rules().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "annotations/policy.hpp"
#include "base/result.hpp"

namespace socklid {

/// host: PID 1's or the hook's own. shared: with other containers, of a pod or not, that are there
/// or, as those of a pod, may come. own: the rest, also when processes of the host are in it.
enum class NetnsKind { own, shared, host };

[[nodiscard]] std::string_view name_of(NetnsKind kind);

/// Bits of a mark that tell containers in one namespace apart (D5): no bit of a mark whose mask is
/// not given.
inline constexpr std::uint32_t slot_mask = 0xff000000;
inline constexpr unsigned slot_shift = 24;
inline constexpr unsigned slot_max = 255;

/// The mark with a slot in it; slot 0 leaves it as it is.
[[nodiscard]] annotations::Mark with_slot(annotations::Mark mark, std::uint8_t slot);

struct Placement {
  NetnsKind netns{NetnsKind::own};
  /// 1..255 of a container with rules in a shared namespace, another one than its neighbours'; 0
  /// for all others.
  std::uint8_t slot{0};
  friend bool operator==(const Placement&, const Placement&) = default;
};

/// The container's own nft table, "socklid" or "socklid_7".
[[nodiscard]] std::string table_name(std::uint8_t slot);
/// Its inverse; nothing if the table is none of ours.
[[nodiscard]] std::optional<std::uint8_t> slot_of_table(std::string_view name);

/// Whether the policy can be had in such a namespace, with its subjects, and all lists within one
/// container's share (plan/endpoint_lists.hpp). Exit::unsupported: names the annotation.
[[nodiscard]] Result<> check_placement(const annotations::Policy& policy, NetnsKind netns);

/// Whether who wrote the policy may ask for what it asks for in such a namespace. In the host's a
/// mark is a key to the administrator's own rules, which a pod's author has no claim to.
/// Exit::unsupported: names the annotation.
[[nodiscard]] Result<> check_author(const annotations::Policy& policy, NetnsKind netns,
                                    bool is_pods_author);

}  // namespace socklid
