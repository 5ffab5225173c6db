// SPDX-License-Identifier: Apache-2.0
//
// Attempts on the host, under compiled policies.
//
//   EXPECT_EQ(decide(bind_list({port(Protocol::tcp, 80)}), on(SL_VERB_BIND, inet, stream, 80)), 0);
#pragma once

#include <linux/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "plan/plan.hpp"
#include "tests/support/host_lists.hpp"

namespace socklid {

using annotations::Endpoint;
using annotations::Policy;
using annotations::PortRange;
using annotations::Protocol;
using annotations::Verdict;

inline constexpr std::uint16_t unix_family = AF_UNIX, inet = AF_INET, inet6 = AF_INET6,
                               netlink = AF_NETLINK, packet = AF_PACKET, smc = AF_SMC;
inline constexpr std::uint16_t stream = SOCK_STREAM, datagram = SOCK_DGRAM, raw = SOCK_RAW;

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
  sl_attempt attempt = create(family, type, type == stream ? IPPROTO_TCP : IPPROTO_UDP);
  attempt.verb = static_cast<std::uint8_t>(verb);
  attempt.address_family = family;
  attempt.address_length = 28;
  attempt.port = port;
  if (verb == SL_VERB_LISTEN && port != 0) attempt.flags = SL_ATTEMPT_KEEPS_PORT;
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
  policy.bind = std::move(ports);
  return policy;
}

inline Endpoint port(Protocol protocol, std::uint16_t number) {
  return {protocol, {number, number}, {}};
}

}  // namespace socklid
