// SPDX-License-Identifier: Apache-2.0
//
// Seal: from when on a container is held to its policy. The grammar:
//
//   SEAL     := start | listen [ PORTS ] | accept | DURATION | manual
//   PORTS    := as in annotations/address.hpp, tcp only, each with one port and at most one
//               address; between `listen` and them, spaces; 16 of them at most
//   DURATION := N UNIT      N without sign or leading zero, UNIT s, m or h; 1 second to 7 days
//
//   start   listen   listen tcp/80 tcp/443   listen tcp/110@0.0.0.0 tcp/110@::   30s   manual
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "annotations/address.hpp"
#include "annotations/value_text.hpp"
#include "base/result.hpp"

namespace socklid::annotations {

struct Seal {
  enum class Kind : std::uint8_t {
    start,   ///< before the container's first instruction
    listen,  ///< after the first successful listen, or after all of `listens`
    accept,  ///< at the first connection that is accepted
    after,   ///< `seconds` after the container's program has started
    manual,  ///< by `socklid seal`
  };
  Kind kind{Kind::start};
  std::vector<Endpoint> listens;  ///< of kind listen; sorted, without duplicates; empty: any
  std::uint32_t seconds{0};       ///< of kind after
  friend bool operator==(const Seal&, const Seal&) = default;
};

/// How many listens a seal can wait for.
inline constexpr std::size_t max_seal_listens = 16;

/// Errors: Exit::annotation, from fail_value().
[[nodiscard]] Result<Seal> parse_seal(const ValueText& value);

/// In the grammar above, in its shortest form: "listen tcp/80", "90s", "2h".
[[nodiscard]] std::string to_string(const Seal& seal);

}  // namespace socklid::annotations
