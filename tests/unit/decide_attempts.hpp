// SPDX-License-Identifier: Apache-2.0
//
// Attempts on the host, under compiled policies.
//
//   EXPECT_EQ(decide(bind_list({port(Protocol::tcp, 80)}), on(SL_VERB_BIND, inet, stream, 80)), 0);
#pragma once

#include <vector>

#include "hook/plan.hpp"
#include "tests/unit/host_lists.hpp"

namespace socklid {

using annotations::Endpoint;
using annotations::Policy;
using annotations::PortRange;
using annotations::Protocol;
using annotations::Verdict;

enum : std::uint16_t { unix_family = 1, inet = 2, inet6 = 10, netlink = 16, packet = 17, smc = 43 };
enum : std::uint16_t { stream = 1, datagram = 2, raw = 3 };

inline sl_attempt create(std::uint16_t family, std::uint16_t type, std::uint32_t protocol) {
  sl_attempt attempt{};
  attempt.verb = SL_VERB_CREATE;
  attempt.family = family;
  attempt.type = type;
  attempt.protocol = protocol;
  return attempt;
}

inline sl_attempt on(sl_verb verb, std::uint16_t family, std::uint16_t type,
                     std::uint16_t port = 0) {
  sl_attempt attempt = create(family, type, type == stream ? 6 : 17);
  attempt.verb = static_cast<std::uint8_t>(verb);
  attempt.address_family = family;
  attempt.address_length = 28;
  attempt.port = port;
  return attempt;
}

inline sl_decision decision(const Policy& policy, const sl_attempt& attempt) {
  const Plan plan = compile(policy);
  test::host_lists() = plan.lists;
  return sl_decide(&plan.image, &attempt);
}

inline int decide(const Policy& policy, const sl_attempt& attempt) {
  return -decision(policy, attempt).error;
}

inline Policy bind_list(std::vector<Endpoint> ports) {
  Policy policy;
  policy.bind.otherwise = Verdict::deny;
  policy.bind.endpoints = std::move(ports);
  return policy;
}

inline Endpoint port(Protocol protocol, std::uint16_t number) {
  return {protocol, {number, number}, {}};
}

}  // namespace socklid
