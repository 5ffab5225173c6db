// SPDX-License-Identifier: Apache-2.0
//
// The words of io.socklid.options. OPTIONS := LIST of NAME, where NAME is
//
//   transparent      a local address that is not the container's: IP_TRANSPARENT, IPV6_TRANSPARENT,
//                    IP_FREEBIND, IPV6_FREEBIND
//   source-groups    multicast groups from given sources: IP_ADD_SOURCE_MEMBERSHIP, IP_MSFILTER,
//                    MCAST_JOIN_SOURCE_GROUP and their like
//
// An empty list opens none, as no key does: a policy that restricts the network closes them all.
#pragma once

#include <string>

#include "annotations/value_text.hpp"
#include "base/result.hpp"

namespace socklid::annotations {

struct OpenedOptions {
  bool transparent{false};
  bool source_groups{false};

  friend bool operator==(const OpenedOptions&, const OpenedOptions&) = default;
};

/// Errors: Exit::annotation, from fail_value().
[[nodiscard]] Result<OpenedOptions> parse_opened_options(const ValueText& value);

/// With one space between words.
[[nodiscard]] std::string to_string(const OpenedOptions& options);

}  // namespace socklid::annotations
