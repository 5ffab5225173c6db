// SPDX-License-Identifier: Apache-2.0
//
// A tun or tap device: what its holder writes arrives in the network namespace as if by a wire.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/unique_fd.hpp"

namespace socklid::selftest {

/// A host that would be behind the device. Neither it nor the device is on the veth's link.
inline constexpr std::string_view behind4 = "10.231.9.2", behind6 = "fd5e:1f:0:9::2";

enum class TunKind : std::uint8_t {
  tun,  ///< takes packets of IP
  tap,  ///< takes Ethernet frames to `station`
};

struct TunDevice {
  UniqueFd fd;  ///< empty and errno if there is none; the device lasts as long as this is open
  std::array<char, 6> station{};
};

/// In the namespace that the thread is in, up, with an address of its own for IPv4, so that what
/// comes from behind it is not taken for forged (rp_filter). `name` is at most 15 characters.
[[nodiscard]] TunDevice open_tun_device(TunKind kind, std::string_view name);

}  // namespace socklid::selftest
