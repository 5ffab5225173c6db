// SPDX-License-Identifier: Apache-2.0
//
// Short forms for tests of the rules: policies and addresses from text.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "annotations/address.hpp"
#include "annotations/policy.hpp"
#include "plan/rules/rules.hpp"

namespace socklid::test {

inline constexpr annotations::Mark test_mark{0x3, 0x00ffffff};

inline std::vector<annotations::Endpoint> endpoints(const std::string& text) {
  auto list = annotations::parse_endpoints({"io.socklid.egress", text, false});
  if (!list) ADD_FAILURE() << list.error().message;
  return list ? *list : std::vector<annotations::Endpoint>{};
}

inline annotations::Policy policy(const std::string& egress, const std::string& bind = "") {
  annotations::Policy policy;
  policy.egress = endpoints(egress);
  if (!bind.empty()) policy.bind = endpoints(bind);
  return policy;
}

inline NftRuleset rules(const annotations::Policy& policy) {
  return compile_rules(policy, test_mark, 0, "web", 4711);
}

/// Network byte order; IPv4 in the first 4 bytes.
inline std::array<std::uint8_t, 16> address(const std::string& text) {
  std::array<std::uint8_t, 16> bytes{};
  const bool ipv4 = text.find(':') == std::string::npos;
  EXPECT_EQ(::inet_pton(ipv4 ? AF_INET : AF_INET6, text.c_str(), bytes.data()), 1) << text;
  return bytes;
}

}  // namespace socklid::test
