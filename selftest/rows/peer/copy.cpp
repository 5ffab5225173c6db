// SPDX-License-Identifier: Apache-2.0
//
// UDP to many. The kernel makes copies for the receivers of the same network namespace, and asks no
// program about them, because they are no socket's any more (net/ipv4/ip_output.c, ip_mc_output()).
// IPv6 asks before it copies (net/ipv6/ip6_output.c, ip6_finish_output()). The receiver here is the
// container's own; it could be a neighbour in a pod.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>

#include "selftest/rows/peer/peer.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// Nobody's: of the ranges for local use (RFC 2365, RFC 4291).
Address group(const Scene& scene) {
  Address many = make_address(scene.ip == Ip::v4 ? "239.255.94.41" : "ff12::5e11", scene.port);
  if (scene.ip == Ip::v6) {
    reinterpret_cast<sockaddr_in6*>(&many.storage)->sin6_scope_id = scene.interface;  // NOLINT
  }
  return many;
}

/// Of the container's /24.
Address broadcast(const Scene& scene) {
  return make_address("10.231.7.255", scene.port);
}

/// Gets what is sent to the group and to the port.
UniqueFd receiver(const Scene& scene) {
  UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd || !bind_to(fd.get(), any_address(scene.family(), scene.port)) ||
      !join_group(fd.get(), scene, group(scene))) {
    return {};
  }
  return fd;
}

bool gets_token(int fd, const Scene& scene) {
  Token got{};
  const ssize_t size = ::recv(fd, got.data(), got.size(), 0);
  if (size < 0) return false;
  errno = EBADMSG;
  return got == scene.token;
}

Outcome send_copies(const Scene& scene, int fd, const Address& many) {
  const UniqueFd copies = receiver(scene);
  if (!copies) return failed("receiver");
  if (!connect_to(fd, many)) return failed("connect");
  // What goes to the link may be refused; only the copy counts.
  (void)send_token(fd, scene);
  if (!gets_token(copies.get(), scene)) return failed("recv");
  return {};
}

Outcome connect_to_group(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!send_groups_by_device(fd.get(), scene)) return failed("multicast interface");
  return send_copies(scene, fd.get(), group(scene));
}

Outcome connect_to_broadcast(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_SOCKET, SO_BROADCAST, 1)) return failed("SO_BROADCAST");
  return send_copies(scene, fd.get(), broadcast(scene));
}

/// Nothing but a list of peers: with `egress` what stays on the node is not judged.
Row copy_row(std::string_view name, Each each, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .each = each,
          .proof = Proof::done,
          .stops = {Guard::connect, Guard::connect, Guard::connect},
          .attempt = attempt,
          .annotations = {"io.socklid.connect=udp/4747@10.231.7.9 udp/4747@fd5e:1f::9"},
          .own = true};
}

}  // namespace

std::vector<Row> copy_peer_rows() {
  return {
      copy_row("copies: UDP connected to a group", Each::v4_only, connect_to_group),
      copy_row("copies: UDP connected to a group of IPv6", Each::v6_only, connect_to_group),
      copy_row("copies: UDP connected to a broadcast", Each::v4_only, connect_to_broadcast),
  };
}

}  // namespace socklid::selftest
