// SPDX-License-Identifier: Apache-2.0
//
// Network: three network namespaces, and nothing of the host's.
//
//   inside                       receiver                        elsewhere
//   eth0 10.231.7.2  ────────▶  in0 10.231.7.1 (target)
//        fd5e:1f::2                 10.231.7.9 (named)
//                               out0 10.231.8.1  ◀────────  eth0 10.231.8.2
//                                    fd5e:1f:0:1::1              fd5e:1f:0:1::2
//
// They last as long as the descriptors here, and the processes in them.
#pragma once

#include "base/result.hpp"
#include "node/netns.hpp"
#include "selftest/ways/links.hpp"

namespace socklid::selftest {

inline constexpr unsigned loopback_index = 1;  ///< of every namespace
inline constexpr End inside_end{"eth0", 71, {0x02, 0x51, 0, 0, 0, 1}};
inline constexpr End receiver_end{"in0", 72, {0x02, 0x51, 0, 0, 0, 2}};
inline constexpr End receiver_far_end{"out0", 73, {0x02, 0x51, 0, 0, 0, 3}};
inline constexpr End elsewhere_end{"eth0", 74, {0x02, 0x51, 0, 0, 0, 4}};

struct Network {
  NetnsRef inside;
  NetnsRef receiver;
  NetnsRef elsewhere;
  bool ipv6{false};  ///< whether the kernel has it
};

/// Ready for packets when it returns: addresses are good, neighbours known, carriers there. IPv6 is
/// left out where the kernel has none. TCP Fast Open works without cookies, source routes are
/// honoured and packets forwarded, so that nothing but a policy stands in the way.
[[nodiscard]] Result<Network> make_network();

}  // namespace socklid::selftest
