// SPDX-License-Identifier: Apache-2.0
//
// TCP: connect(2), and the two ways of Fast Open (RFC 7413), which choose a peer with the data.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "selftest/rows/peer/peer.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome connect_plainly(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return {};
}

Outcome connect_without_blocking(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM | SOCK_NONBLOCK);
  if (!fd) return failed("socket");
  if (::connect(fd.get(), scene.target.get(), scene.target.length) == 0) return {};
  if (errno != EINPROGRESS) return failed("connect");
  if (!wait_ready(fd.get(), POLLOUT)) return failed("connect");
  socklen_t length = sizeof(errno);
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &errno, &length) != 0) return failed("SO_ERROR");
  return errno == 0 ? Outcome{} : failed("connect");
}

/// A socket that has had an allowed peer is new after AF_UNSPEC.
Outcome connect_again(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.named)) return failed("connect to the named peer");
  if (!connect_to(fd.get(), no_address())) return failed("connect to AF_UNSPEC");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return {};
}

Outcome connect_from_served_port(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  // Earlier connections linger on the port.
  if (!set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1)) return failed("SO_REUSEADDR");
  if (!bind_to(fd.get(), any_address(scene.family(), served_port))) return failed("bind");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return {};
}

/// Without a cookie the data goes with the first SYN (tcp_fastopen_cookie_check).
UniqueFd open_fast(const Scene& scene) {
  UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (fd && !set_option(fd.get(), IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)) return {};
  return fd;
}

/// connect(2) sends nothing then, the write does (tcp(7): TCP_FASTOPEN_CONNECT).
Outcome connect_at_write(const Scene& scene) {
  const UniqueFd fd = open_fast(scene);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)) {
    return failed("TCP_FASTOPEN_CONNECT");
  }
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

Outcome fastopen_by_sendto(const Scene& scene) {
  const UniqueFd fd = open_fast(scene);
  if (!fd) return failed("socket");
  if (!send_token_to(fd.get(), scene, scene.target, MSG_FASTOPEN)) return failed("sendto");
  return {};
}

/// With a cookie still to be asked for: a SYN without data.
Outcome fastopen_with_cookie(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!send_token_to(fd.get(), scene, scene.target, MSG_FASTOPEN)) return failed("sendto");
  return {};
}

Outcome fastopen_by_sendmsg(const Scene& scene) {
  const UniqueFd fd = open_fast(scene);
  if (!fd) return failed("socket");
  TokenMessage message(scene, scene.target);
  if (!message.send(fd.get(), MSG_FASTOPEN)) return failed("sendmsg");
  return {};
}

Outcome fastopen_by_sendmmsg(const Scene& scene) {
  const UniqueFd fd = open_fast(scene);
  if (!fd) return failed("socket");
  TokenMessage message(scene, scene.target);
  mmsghdr entry{message.get(), 0};
  if (::sendmmsg(fd.get(), &entry, 1, MSG_FASTOPEN | MSG_NOSIGNAL) != 1) return failed("sendmmsg");
  return {};
}

Outcome fastopen_after_another_peer(const Scene& scene) {
  const UniqueFd fd = open_fast(scene);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.named)) return failed("connect to the named peer");
  if (!connect_to(fd.get(), no_address())) return failed("connect to AF_UNSPEC");
  if (!send_token_to(fd.get(), scene, scene.target, MSG_FASTOPEN)) return failed("sendto");
  return {};
}

}  // namespace

std::vector<Row> tcp_peer_rows() {
  return {
      {.name = "TCP: connect", .stops = stops_peer, .attempt = connect_plainly},
      {.name = "TCP: connect without blocking",
       .stops = stops_peer,
       .attempt = connect_without_blocking},
      {.name = "TCP: connect again after a named peer",
       .stops = stops_peer,
       .attempt = connect_again},
      {.name = "TCP: connect from the port that may be bound",
       .stops = stops_peer,
       .attempt = connect_from_served_port},
      {.name = "TCP: connect by the first write (TCP_FASTOPEN_CONNECT)",
       .stops = stops_peer,
       .attempt = connect_at_write},
      {.name = "TCP: connect by sendto with MSG_FASTOPEN",
       .stops = stops_peer,
       .attempt = fastopen_by_sendto,
       .why = "no hook of connect runs"},
      {.name = "TCP: ask for a cookie by sendto with MSG_FASTOPEN",
       .stops = stops_peer,
       .attempt = fastopen_with_cookie},
      {.name = "TCP: connect by sendmsg with MSG_FASTOPEN",
       .stops = stops_peer,
       .attempt = fastopen_by_sendmsg},
      {.name = "TCP: connect by sendmmsg with MSG_FASTOPEN",
       .stops = stops_peer,
       .attempt = fastopen_by_sendmmsg},
      {.name = "TCP: MSG_FASTOPEN after a named peer",
       .stops = stops_peer,
       .attempt = fastopen_after_another_peer},
  };
}

}  // namespace socklid::selftest
