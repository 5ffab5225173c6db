// SPDX-License-Identifier: Apache-2.0
//
// Receiver: the host at the other end of the veth. It sees what arrives, serves, and calls.
//
//   Receiver receiver = SL_TRY(Receiver::open(network));
//   const Served served = SL_TRY(receiver.serve(scene, with_sctp));   // listeners of one run
//   ... the attempt ...
//   const bool open = SL_TRY(receiver.arrived(scene));
//
// That nothing has arrived is known without waiting: a sentinel frame is sent after the attempt,
// past every filter (AF_PACKET), and a veth delivers in order (drivers/net/veth.c: veth_xmit puts
// frames into the backlog of the CPU it runs on; selftest stays on one CPU, see run.hpp). What is
// sent later, by timers or workers, the attempt has to wait for. Errors: Exit::netns.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "selftest/arena/network.hpp"
#include "selftest/row.hpp"

namespace socklid::selftest {

/// Listeners and receivers, open as long as this.
using Served = std::vector<UniqueFd>;

class Receiver {
 public:
  /// Captures, and serves named_port from now on. `network` outlives it.
  [[nodiscard]] static Result<Receiver> open(const Network& network);

  /// TCP (MPTCP too where the kernel has it) and UDP on scene.port of every address; SCTP and DCCP
  /// as well if `rare`, because asking for them loads their modules. What the kernel lacks is left
  /// out. Forgets what was captured before.
  [[nodiscard]] Result<Served> serve(const Scene& scene, bool rare);

  /// Whether a frame of the scene's has come since serve().
  [[nodiscard]] Result<bool> arrived(const Scene& scene);
  /// Connects to scene.local. `transport` is IPPROTO_TCP, _MPTCP, _SCTP or _DCCP.
  [[nodiscard]] Result<bool> is_answered(const Scene& scene, int transport);
  /// Sends the token to scene.local and returns when it has been delivered, if it was to be.
  /// `transport` is IPPROTO_UDP or IPPROTO_UDPLITE.
  [[nodiscard]] Result<> send_token(const Scene& scene, int transport);

 private:
  explicit Receiver(const Network& network) : network_(&network) {}
  [[nodiscard]] Result<Served> serve_port(int family, std::uint16_t port, bool rare) const;
  /// Until all that was sent from inside has come; whether something of `scene` was among it.
  [[nodiscard]] Result<bool> catch_up(const Scene* scene);
  [[nodiscard]] Result<> reach_inside();
  [[nodiscard]] Result<UniqueFd> socket_here(int family, int type, int protocol) const;

  const Network* network_;
  UniqueFd capture_;  ///< AF_PACKET in the receiver's namespace: every interface, every frame
  UniqueFd inside_;   ///< AF_PACKET on the container's veth: sentinels only
  Served always_;
  std::uint64_t sentinels_{0};
};

}  // namespace socklid::selftest
