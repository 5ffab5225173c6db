// SPDX-License-Identifier: Apache-2.0
//
// Addresses of others. A socket that is bound to the loopback device sends there whatever it likes,
// to the target too; one that ip_nonlocal_bind lets bind to the target's address sends as the
// target. What keeps the flows that a container has been asked for then remembers what nobody has
// asked.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string_view>

#include "selftest/arena/network.hpp"
#include "selftest/rows/packet/packet.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/links.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

bool bind_to_device(int fd, std::string_view device) {
  return ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device.data(),
                      static_cast<socklen_t>(device.size())) == 0;
}

/// A datagram to the target goes over loopback, and the socket is free again.
void seem_to_know_target(int fd, const Scene& scene) {
  (void)bind_to_device(fd, "lo");
  (void)send_data(fd, "?", scene.target);
  (void)bind_to_device(fd, {});
}

UniqueFd open_bound(const Scene& scene, int type, const Address& local) {
  UniqueFd fd = open_socket(scene.family(), type);
  if (fd && !bind_to(fd.get(), local)) return {};
  return fd;
}

/// From the port that bind names, to whom nothing has come from.
Outcome answer_nobody(const Scene& scene) {
  const UniqueFd server = open_bound(scene, SOCK_DGRAM, with_port(scene.local, served_port));
  if (!server) return failed("bind");
  seem_to_know_target(server.get(), scene);
  if (!send_token_to(server.get(), scene, scene.target)) return failed("sendto");
  return {};
}

/// What nobody has asked for comes in.
Outcome seem_to_have_asked(const Scene& scene) {
  UniqueFd fd = open_bound(scene, SOCK_DGRAM, scene.local);
  if (!fd) return failed("bind");
  seem_to_know_target(fd.get(), scene);
  return {.step = {}, .error = 0, .held = std::move(fd)};
}

/// The target's address, on a port of this run.
UniqueFd open_as_target(const Scene& scene, int type) {
  if (!set_sysctl("net/ipv6/ip_nonlocal_bind", "1")) return {};
  return open_bound(scene, type, scene.target);
}

/// What the named peer answers goes to the target.
Outcome ask_as_target(const Scene& scene) {
  const UniqueFd fd = open_as_target(scene, SOCK_DGRAM);
  if (!fd) return failed("bind to the target");
  if (!send_token_to(fd.get(), scene, scene.named)) return failed("sendto");
  return {};
}

/// A listener answers the target, which has asked for no connection.
Outcome connect_as_target(const Scene& scene) {
  const Address served = with_port(scene.local, served_port);
  const UniqueFd listener = open_bound(scene, SOCK_STREAM, served);
  if (!listener || ::listen(listener.get(), 1) != 0) return failed("listen");
  const UniqueFd fd = open_as_target(scene, SOCK_STREAM);
  if (!fd) return failed("bind to the target");
  (void)::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  (void)connect_to(fd.get(), served);
  return {};
}

/// A listener that is bound to the link hears who calls the link's address from within, and
/// answers by the link (net/ipv4/route.c: ip_route_output_key_hash_rcu, orig_oif).
Outcome connect_from_loopback(const Scene& scene) {
  const UniqueFd listener = open_bound(scene, SOCK_STREAM, with_port(scene.local, served_port));
  if (!listener || !bind_to_device(listener.get(), inside_end.name) ||
      ::listen(listener.get(), 1) != 0) {
    return failed("listen");
  }
  const UniqueFd fd = open_bound(scene, SOCK_STREAM, make_address("127.0.0.1", scene.port));
  if (!fd) return failed("bind to loopback");
  (void)::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  (void)connect_to(fd.get(), with_port(scene.local, served_port));
  return {};
}

Row row(std::string_view name, Each each, Outcome (*attempt)(const Scene&), Guard guard) {
  return {
      .name = name,
      .each = each,
      .stops = always(guard),
      .attempt = attempt,
      .annotations = {any_peer_annotation, "io.socklid.bind=tcp/4748 udp/4748", egress_annotation},
      .alone = true};
}

}  // namespace

std::vector<Row> address_rows() {
  constexpr Each v6 = Each::v6_only;
  std::vector<Row> rows = {
      row("an answer to whom the loopback device was sent something for", Each::v4_only,
          answer_nobody, Guard::packet_out),
      row("unasked datagrams to a port that has sent over the loopback device", Each::v4_only,
          seem_to_have_asked, Guard::inbound),
      row("unasked datagrams, past the rules", Each::v4_only, seem_to_have_asked, Guard::inbound),
      row("to a named peer, as another host, by ip_nonlocal_bind", v6, ask_as_target,
          Guard::foreign_source),
      row("to a named peer, as another host, past the rules", v6, ask_as_target,
          Guard::foreign_source),
      row("a connection forged over loopback by ip_nonlocal_bind", v6, connect_as_target,
          Guard::foreign_source),
      row("an answer to loopback by the link", Each::v4_only, connect_from_loopback,
          Guard::packet_source),
  };
  for (const std::size_t alone : {0U, 6U}) rows[alone].lines = Row::Lines::programs;
  for (const std::size_t received : {1U, 2U}) rows[received].proof = Proof::received;
  // So that bind(2) is no guard of theirs.
  for (std::size_t i = 1; i < rows.size(); ++i) rows[i].annotations[1] = "io.socklid.bind=allow";
  rows[6].annotations[1] = "io.socklid.bind=tcp/4748 tcp@127.0.0.1";
  rows[2].behind = Guard::packet_in;
  rows[4].behind = Guard::packet_source;
  return rows;
}

}  // namespace socklid::selftest
