// SPDX-License-Identifier: Apache-2.0
//
// Sockets that were made outside and are pointed at a peer inside, or had one before they came.
// Such a socket is judged where it is used; it has no mark of the container's.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "selftest/rows/foreign/foreign.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/elsewhere.hpp"
#include "selftest/ways/sockets.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

Outcome send_on(const Scene& scene, const UniqueFd& fd) {
  if (!fd) return failed("borrow");
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("send");
  return {};
}

Outcome connect_on(const Scene& scene, const UniqueFd& fd) {
  if (!fd) return failed("borrow");
  if (!connect_to(fd.get(), scene.target) && errno != ECONNREFUSED) return failed("connect");
  return {};
}

template <Lent what, Namespace where>
Outcome send(const Scene& scene) {
  return send_on(scene, borrow(scene, what, where));
}

template <Lent what, Namespace where>
Outcome connect(const Scene& scene) {
  return connect_on(scene, borrow(scene, what, where));
}

template <Namespace where>
Outcome connect_and_write(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::udp, where);
  if (!fd) return failed("borrow");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

/// It had its peer before it came.
template <Lent what>
Outcome write(const Scene& scene) {
  const UniqueFd fd = borrow(scene, what);
  if (!fd) return failed("borrow");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

/// A named peer first, when nothing is wrong, then another.
Outcome connect_again(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::udp, Namespace::elsewhere);
  if (!fd) return failed("borrow");
  if (!connect_to(fd.get(), scene.named)) return failed("connect to the named peer");
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("send");
  return {};
}

/// The peer is one that the policy names, but the way there is not the container's.
Outcome send_to_named(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::udp, Namespace::elsewhere);
  if (!fd) return failed("borrow");
  if (!send_token_to(fd.get(), scene, scene.named)) return failed("send");
  return {};
}

Outcome fast_open(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::tcp, Namespace::elsewhere);
  if (!fd) return failed("borrow");
  if (!set_option(fd.get(), SOL_TCP, TCP_FASTOPEN_NO_COOKIE, 1)) return failed("setsockopt");
  if (!send_token_to(fd.get(), scene, scene.target, MSG_FASTOPEN) && errno != ECONNREFUSED)
    return failed("send");
  return {};
}

Outcome send_by_ring(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::udp, Namespace::elsewhere);
  if (!fd) return failed("borrow");
  TokenMessage message(scene, scene.target);
  Ring ring;
  if (!ring) return failed("io_uring_setup");
  if (ring.run(sendmsg_request(fd.get(), message.get(), 0)) < 0) return failed("sendmsg");
  return {};
}

Outcome send_in_child(const Scene& scene) {
  return in_child(send<Lent::udp, Namespace::elsewhere>, scene);
}

/// Nobody hands it over: who may trace a process may take its descriptors (pidfd_getfd(2)).
Outcome fetch_and_send(const Scene& scene) {
  const HeldSocket held = hold(scene, Lent::udp);
  if (held.fd < 0) return failed("hold");
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, held.pid, 0)));
  if (!process) return failed("pidfd_open");
  const UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), held.fd, 0)));
  if (!fd) return failed("pidfd_getfd");
  return send_on(scene, fd);
}

Row peer_row(std::string_view name, Outcome (*attempt)(const Scene&),
             std::vector<std::string_view> modules = {}) {
  return {
      .name = name, .stops = stops_foreign_peer, .attempt = attempt, .modules = std::move(modules)};
}

/// A socket goes on with the peer it has, by design (docs/annotations.md), but not past the rules
/// of its namespace: without egress, or in another namespace, there are none.
Row connected_row(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .stops = always(Guard::unmarked),
          .attempt = attempt,
          .annotations = {egress_annotation},
          .lines = Row::Lines::rules};  // its packets are another cgroup's
}

}  // namespace

std::vector<Row> foreign_peer() {
  using enum Namespace;
  return {
      peer_row("handed in: UDP", send<Lent::udp, inside>),
      peer_row("handed in: UDP, connect and write", connect_and_write<inside>),
      peer_row("handed in: UDP, fetched by pidfd_getfd", fetch_and_send),
      peer_row("handed in: TCP", connect<Lent::tcp, inside>),
      peer_row("handed in: MPTCP", connect<Lent::mptcp, inside>),
      peer_row("handed in: SCTP", connect<Lent::sctp, inside>, {"sctp"}),
      peer_row("of another namespace: UDP", send<Lent::udp, elsewhere>),
      peer_row("of another namespace: UDP, connect and write", connect_and_write<elsewhere>),
      peer_row("of another namespace: UDP by io_uring", send_by_ring),
      peer_row("of another namespace: UDP from a child", send_in_child),
      {.name = "of another namespace: UDP, a named peer first",
       .stops = {Guard::connect, Guard::foreign, Guard::foreign},
       .attempt = connect_again},
      peer_row("of another namespace: TCP", connect<Lent::tcp, elsewhere>),
      peer_row("of another namespace: TCP Fast Open", fast_open),
      peer_row("of another namespace: MPTCP", connect<Lent::mptcp, elsewhere>),
      {.name = "of another namespace: UDP to a named peer",
       .stops = always(Guard::foreign),
       .attempt = send_to_named,
       .annotations = {egress_annotation}},
      connected_row("handed in: connected UDP", write<Lent::udp_connected>),
      connected_row("handed in: TCP connected before the policy", write<Lent::tcp_early>),
  };
}

}  // namespace socklid::selftest
