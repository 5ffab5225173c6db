// SPDX-License-Identifier: Apache-2.0
//
// Who chooses: every task that comes of the container's, whatever it has become. (What it is after
// execve(2) makes no difference to the kernel's hooks, which ask for its cgroup.)
#include <sys/socket.h>

#include "selftest/rows/peer/peer.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/elsewhere.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome connect_by_both(const Scene& scene) {
  const UniqueFd tcp = open_socket(scene.family(), SOCK_STREAM);
  const UniqueFd udp = open_socket(scene.family(), SOCK_DGRAM);
  if (!tcp || !udp) return failed("socket");
  Outcome outcome;
  if (!connect_to(tcp.get(), scene.target)) outcome = failed("connect");
  if (!send_token_to(udp.get(), scene, scene.target)) outcome = failed("sendto");
  return outcome;
}

template <Outcome (*place)(Act, const Scene&)>
Outcome from(const Scene& scene) {
  return place(connect_by_both, scene);
}

}  // namespace

std::vector<Row> task_peer_rows() {
  return {
      {.name = "connect in a thread", .stops = stops_peer, .attempt = from<in_thread>},
      {.name = "connect in a child", .stops = stops_peer, .attempt = from<in_child>},
      {.name = "connect in a daemon", .stops = stops_peer, .attempt = from<in_daemon>},
      {.name = "connect in a cgroup below", .stops = stops_peer, .attempt = from<in_nested_cgroup>},
      {.name = "connect without privilege", .stops = stops_peer, .attempt = from<as_nobody>},
      {.name = "connect in a user namespace of its own",
       .stops = stops_peer,
       .attempt = from<in_user_namespace>},
  };
}

}  // namespace socklid::selftest
