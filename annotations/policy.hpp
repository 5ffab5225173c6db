// SPDX-License-Identifier: Apache-2.0
//
// Policy: what one container asked for, as a value. Made by annotations/parser.hpp from the
// container's annotations, printed by to_string(), compiled by hook/plan.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "annotations/address.hpp"
#include "annotations/mark.hpp"
#include "annotations/seal.hpp"

namespace socklid::annotations {

/// deny is 0, as in the kernel: a policy that nobody has written yet denies (D1).
enum class Verdict : std::uint8_t { deny, allow };

/// What becomes of packets that `egress` does not name.
enum class Otherwise : std::uint8_t { drop, reject };

/// The value of io.socklid.connect or io.socklid.bind: allow, deny, or a list that names what may
/// be connected to or bound. With Verdict::allow the list is empty. deny is the empty list.
struct EndpointRule {
  Verdict otherwise{Verdict::allow};  ///< allow: no restriction. deny: only what the list names.
  std::vector<Endpoint> endpoints;    ///< of bind tcp or udp only; sorted, without duplicates
  friend bool operator==(const EndpointRule&, const EndpointRule&) = default;
};

/// A default-constructed Policy restricts nothing: it is what a container without annotations has.
struct Policy {
  Verdict create{Verdict::allow};
  Verdict create_tcp{Verdict::allow};
  Verdict create_udp{Verdict::allow};
  EndpointRule connect;
  EndpointRule bind;
  Verdict listen{Verdict::allow};
  Verdict accept{Verdict::allow};
  Verdict shutdown{Verdict::allow};
  std::optional<std::vector<Family>> families;  ///< sorted, without duplicates; nothing: default
  std::optional<Mark> mark;
  std::optional<std::vector<Endpoint>> egress;  ///< sorted, no duplicates; empty: nothing leaves
  std::optional<Otherwise> otherwise;           ///< nothing: reject
  Seal seal;                                    ///< from when on the verbs are held back

  friend bool operator==(const Policy&, const Policy&) = default;
};

/// Whether some sockets may not be made: `create` or `create.*` other than allow.
[[nodiscard]] bool denies_new(const Policy& policy);

/// Whether the policy restricts the network, and so closes families and protocols it does not
/// name: `create`, `create.*`, `connect` or `bind` other than allow, or `egress` or `families`
/// given.
[[nodiscard]] bool restricts(const Policy& policy);

/// Whether a seal has something to hold back: `create`, `create.*`, `connect`, `bind`, `listen`,
/// `accept` or `shutdown` other than allow. All else holds from the first instruction, whatever
/// the seal.
[[nodiscard]] bool holds_back(const Policy& policy);

/// One "key: value" line for each key that differs from the default, in the order of the
/// reference; parses back to the same Policy. A value that is an empty list leaves "key: ".
[[nodiscard]] std::string to_string(const Policy& policy);

}  // namespace socklid::annotations
