// SPDX-License-Identifier: Apache-2.0
//
// Policies that deny listen, accept or shutdown altogether: on sockets of the container's own,
// which all else lets it have, and on inherited ones.
#include <netinet/in.h>
#include <sys/socket.h>

#include "selftest/rows/listen/listen.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/compat.hpp"
#include "selftest/ways/sockets.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

// accept ---------------------------------------------------------------------------------------

Address loopback(const Scene& scene, std::uint16_t port) {
  return make_address(scene.ip == Ip::v4 ? "127.0.0.1" : "::1", port);
}

/// Earlier visitors' connections linger on the port.
UniqueFd own_listener(const Scene& scene) {
  UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd || !set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1)) return {};
  return bound_and_listening(std::move(fd), any_address(scene.family(), served_port)).held;
}

bool accept_plainly(int listener) {
  return static_cast<bool>(UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)));
}

bool accept_by_ring(int listener) {
  Ring ring;
  return ring && UniqueFd(ring.run(accept_request(listener)));
}

/// Visits the listener itself: loopback is nobody's concern but accept's.
Outcome accept_visitor(const Scene& scene, const UniqueFd& listener, std::uint16_t port,
                       bool (*accept)(int listener)) {
  if (!listener) return failed("listen");
  const UniqueFd visitor = open_socket(scene.family(), SOCK_STREAM);
  if (!visitor || !connect_to(visitor.get(), loopback(scene, port))) return failed("connect");
  if (!accept(listener.get())) return failed("accept");
  return {};
}

Outcome accept_own(const Scene& scene) {
  return accept_visitor(scene, own_listener(scene), served_port, accept_plainly);
}

Outcome accept_own_by_ring(const Scene& scene) {
  return accept_visitor(scene, own_listener(scene), served_port, accept_by_ring);
}

Outcome accept_inherited(const Scene& scene) {
  return accept_visitor(scene, borrow(scene, Lent::tcp_listening), scene.port, accept_plainly);
}

// listen ---------------------------------------------------------------------------------------

Outcome listen_bound(const Scene& scene) {
  return bound_and_listening(open_socket(scene.family(), SOCK_STREAM), scene.local);
}

Outcome listen_unbound(const Scene& scene) {
  const OnlyPort only(scene.port);
  if (!only) return failed("ip_local_port_range");
  return listening(open_socket(scene.family(), SOCK_STREAM));
}

Outcome listen_inherited(const Scene& scene) {
  return listening(borrow(scene, Lent::tcp_bound));
}

template <Gate gate>
Outcome listen_by(const Scene& scene) {
  Outcome outcome = bound(open_socket(scene.family(), SOCK_STREAM), scene.local);
  if (!outcome.step.empty()) return outcome;
  if (!compat_listen(gate, outcome.held.get())) return failed("listen");
  return outcome;
}

// shutdown -------------------------------------------------------------------------------------

Outcome shut_down(const Scene& scene, int type, bool (*shutdown)(int fd)) {
  const UniqueFd fd = open_socket(scene.family(), type);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.named)) return failed("connect");
  if (!shutdown(fd.get())) return failed("shutdown");
  return {};
}

bool shutdown_plainly(int fd) {
  return ::shutdown(fd, SHUT_RDWR) == 0;
}

bool shutdown_by_ring(int fd) {
  Ring ring;
  return ring && ring.run(shutdown_request(fd, SHUT_RDWR)) == 0;
}

Outcome shutdown_tcp(const Scene& scene) {
  return shut_down(scene, SOCK_STREAM, shutdown_plainly);
}

Outcome shutdown_udp(const Scene& scene) {
  return shut_down(scene, SOCK_DGRAM, shutdown_plainly);
}

Outcome shutdown_tcp_by_ring(const Scene& scene) {
  return shut_down(scene, SOCK_STREAM, shutdown_by_ring);
}

template <Gate gate>
Outcome shutdown_tcp_by(const Scene& scene) {
  return shut_down(scene, SOCK_STREAM, [](int fd) { return compat_shutdown(gate, fd, SHUT_RDWR); });
}

Outcome shutdown_listener(const Scene& scene) {
  const UniqueFd listener = own_listener(scene);
  if (!listener) return failed("listen");
  if (!shutdown_plainly(listener.get())) return failed("shutdown");
  return {};
}

Row accepts(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .proof = Proof::done,
          .stops = always(Guard::accept),
          .attempt = attempt,
          .annotations = {"io.socklid.accept=deny", any_peer_annotation}};
}

Row listens(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .proof = Proof::answered,
          .stops = always(Guard::listen),
          .attempt = attempt,
          .annotations = {"io.socklid.listen=deny", "io.socklid.bind=allow"}};
}

Row shuts_down(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .proof = Proof::done,
          .stops = always(Guard::shutdown),
          .attempt = attempt,
          .annotations = {"io.socklid.shutdown=deny"}};
}

}  // namespace

std::vector<Row> accept_rows() {
  return {
      accepts("accept denied: own listener", accept_own),
      accepts("accept denied: own listener, by io_uring", accept_own_by_ring),
      accepts("accept denied: inherited listener", accept_inherited),
      listens("listen denied: bound socket", listen_bound),
      listens("listen denied: without bind", listen_unbound),
      listens("listen denied: inherited socket", listen_inherited),
      by_gate<Gate::direct>(listens("listen denied: 32-bit calls", listen_by<Gate::direct>)),
      by_gate<Gate::multiplexed>(
          listens("listen denied: socketcall", listen_by<Gate::multiplexed>)),
      shuts_down("shutdown denied: TCP", shutdown_tcp),
      shuts_down("shutdown denied: UDP", shutdown_udp),
      shuts_down("shutdown denied: listener", shutdown_listener),
      shuts_down("shutdown denied: io_uring", shutdown_tcp_by_ring),
      by_gate<Gate::direct>(
          shuts_down("shutdown denied: 32-bit calls", shutdown_tcp_by<Gate::direct>)),
      by_gate<Gate::multiplexed>(
          shuts_down("shutdown denied: socketcall", shutdown_tcp_by<Gate::multiplexed>)),
  };
}

}  // namespace socklid::selftest
