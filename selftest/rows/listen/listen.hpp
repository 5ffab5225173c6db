// SPDX-License-Identifier: Apache-2.0
//
// The parts of listen_rows(), a file each, and what they share.
#pragma once

#include <vector>

#include "base/unique_fd.hpp"
#include "selftest/row.hpp"

namespace socklid::selftest {

[[nodiscard]] std::vector<Row> port_rows();         ///< TCP and UDP ports that bind does not name
[[nodiscard]] std::vector<Row> listen_race_rows();  ///< while another thread gives the port back
[[nodiscard]] std::vector<Row> listen_protocol_rows();  ///< whatever else can be reached
[[nodiscard]] std::vector<Row> accept_rows();           ///< accept, listen and shutdown denied
[[nodiscard]] std::vector<Row> create_rows();           ///< create denied, or that of TCP or UDP

/// A local port that no list names: refused where it is taken, else its visitors.
// Not in every libc: linux/socket.h, linux/net.h, linux/in.h, linux/smc.h.
inline constexpr int af_smc = 43, sock_dccp = 6, ipproto_dccp = 33;
inline constexpr int smc_over_ipv4 = 0, smc_over_ipv6 = 1;

/// Of listen(2): more than anybody connects.
inline constexpr int backlog = 8;

inline constexpr Stops stops_port{Guard::bind, Guard::inbound, Guard::bind};

/// Makes the listener wait for the receiver; fails at "listen".
[[nodiscard]] Outcome listening(UniqueFd fd);
/// The same after bind(2), or at "bind".
[[nodiscard]] Outcome bound_and_listening(UniqueFd fd, const Address& local);
/// Makes the bound socket wait for the receiver's datagram.
[[nodiscard]] Outcome bound(UniqueFd fd, const Address& local);

/// While it lasts, the kernel can choose no other port than this one (ip(7):
/// ip_local_port_range): the receiver knows where to call.
class OnlyPort {
 public:
  explicit OnlyPort(std::uint16_t port);
  OnlyPort(const OnlyPort&) = delete;
  OnlyPort& operator=(const OnlyPort&) = delete;
  ~OnlyPort();
  [[nodiscard]] explicit operator bool() const { return set_; }

 private:
  bool set_{false};
};

}  // namespace socklid::selftest
