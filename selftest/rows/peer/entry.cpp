// SPDX-License-Identifier: Apache-2.0
//
// Other ways into the kernel than its 64-bit system calls of the socket: io_uring, int $0x80.
#include <sys/socket.h>

#include <linux/io_uring.h>

#include <string_view>

#include "selftest/rows/peer/peer.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/compat.hpp"
#include "selftest/ways/sockets.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

Outcome ring_connect(const Scene& scene, std::uint32_t flags) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  Ring ring(flags);
  if (!ring) return failed("io_uring_setup");
  if (ring.run(connect_request(fd.get(), scene.target)) < 0) return failed("connect");
  return {};
}

Outcome ring_connect_plainly(const Scene& scene) {
  return ring_connect(scene, 0);
}

Outcome ring_connect_by_thread(const Scene& scene) {
  return ring_connect(scene, IORING_SETUP_SQPOLL);
}

Outcome ring_socket(const Scene& scene) {
  Ring ring;
  if (!ring) return failed("io_uring_setup");
  const UniqueFd fd(ring.run(socket_request(scene.family(), SOCK_STREAM, 0)));
  if (!fd) return failed("socket");
  if (ring.run(connect_request(fd.get(), scene.target)) < 0) return failed("connect");
  return {};
}

/// A socket that only the ring knows: it never has a descriptor.
Outcome ring_socket_without_descriptor(const Scene& scene) {
  Ring ring;
  if (!ring || !ring.register_one_file()) return failed("io_uring_setup");
  io_uring_sqe create = socket_request(scene.family(), SOCK_STREAM, 0);
  create.file_index = 1;  // the table's index, plus one
  if (ring.run(create) < 0) return failed("socket");
  io_uring_sqe connect = connect_request(0, scene.target);
  connect.flags = IOSQE_FIXED_FILE;
  if (ring.run(connect) < 0) return failed("connect");
  return {};
}

Outcome ring_sendmsg(const Scene& scene, int type, int flags) {
  const UniqueFd fd = open_socket(scene.family(), type);
  if (!fd) return failed("socket");
  Ring ring;
  if (!ring) return failed("io_uring_setup");
  TokenMessage message(scene, scene.target);
  if (ring.run(sendmsg_request(fd.get(), message.get(), flags)) < 0) return failed("sendmsg");
  return {};
}

Outcome ring_sendmsg_udp(const Scene& scene) {
  return ring_sendmsg(scene, SOCK_DGRAM, 0);
}

Outcome ring_sendmsg_fastopen(const Scene& scene) {
  return ring_sendmsg(scene, SOCK_STREAM, MSG_FASTOPEN);
}

Outcome ring_send(const Scene& scene, std::uint8_t opcode) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  Ring ring;
  if (!ring) return failed("io_uring_setup");
  if (ring.run(send_request(opcode, fd.get(), scene, scene.target)) < 0) return failed("send");
  return {};
}

Outcome ring_send_plainly(const Scene& scene) {
  return ring_send(scene, IORING_OP_SEND);
}

Outcome ring_send_without_copy(const Scene& scene) {
  return ring_send(scene, IORING_OP_SEND_ZC);
}

Outcome compat_connect_tcp(const Scene& scene, Gate gate) {
  const UniqueFd fd = compat_socket(gate, scene.family(), SOCK_STREAM, 0);
  if (!fd) return failed("socket");
  if (!compat_connect(gate, fd.get(), scene.target)) return failed("connect");
  return {};
}

Outcome compat_send_udp(const Scene& scene, Gate gate, int type, int flags) {
  const UniqueFd fd = compat_socket(gate, scene.family(), type, 0);
  if (!fd) return failed("socket");
  const std::string_view data(scene.token.data(), scene.token.size());
  if (!compat_sendto(gate, fd.get(), data, scene.target, flags)) return failed("sendto");
  return {};
}

template <Gate gate>
Outcome connect_by(const Scene& scene) {
  return compat_connect_tcp(scene, gate);
}

template <Gate gate>
Outcome send_by(const Scene& scene) {
  return compat_send_udp(scene, gate, SOCK_DGRAM, 0);
}

template <Gate gate>
Outcome fastopen_by(const Scene& scene) {
  return compat_send_udp(scene, gate, SOCK_STREAM, MSG_FASTOPEN);
}

}  // namespace

std::vector<Row> entry_peer_rows() {
  return {
      {.name = "io_uring: connect", .stops = stops_peer, .attempt = ring_connect_plainly},
      {.name = "io_uring: connect by the kernel's thread (SQPOLL)",
       .stops = stops_peer,
       .attempt = ring_connect_by_thread},
      {.name = "io_uring: socket, connect", .stops = stops_peer, .attempt = ring_socket},
      {.name = "io_uring: a socket without a descriptor, connect",
       .stops = stops_peer,
       .attempt = ring_socket_without_descriptor},
      {.name = "io_uring: UDP sendmsg", .stops = stops_peer, .attempt = ring_sendmsg_udp},
      {.name = "io_uring: UDP send with an address",
       .stops = stops_peer,
       .attempt = ring_send_plainly},
      {.name = "io_uring: UDP send without a copy, with an address (SEND_ZC)",
       .stops = stops_peer,
       .attempt = ring_send_without_copy},
      {.name = "io_uring: TCP sendmsg with MSG_FASTOPEN",
       .stops = stops_peer,
       .attempt = ring_sendmsg_fastopen},
      by_gate<Gate::direct>({.name = "32-bit calls: TCP connect",
                             .stops = stops_peer,
                             .attempt = connect_by<Gate::direct>}),
      by_gate<Gate::direct>({.name = "32-bit calls: UDP sendto",
                             .stops = stops_peer,
                             .attempt = send_by<Gate::direct>}),
      by_gate<Gate::direct>({.name = "32-bit calls: TCP sendto with MSG_FASTOPEN",
                             .stops = stops_peer,
                             .attempt = fastopen_by<Gate::direct>}),
      by_gate<Gate::multiplexed>({.name = "socketcall: TCP connect",
                                  .stops = stops_peer,
                                  .attempt = connect_by<Gate::multiplexed>}),
      by_gate<Gate::multiplexed>({.name = "socketcall: UDP sendto",
                                  .stops = stops_peer,
                                  .attempt = send_by<Gate::multiplexed>}),
      by_gate<Gate::multiplexed>({.name = "socketcall: TCP sendto with MSG_FASTOPEN",
                                  .stops = stops_peer,
                                  .attempt = fastopen_by<Gate::multiplexed>}),
  };
}

}  // namespace socklid::selftest
