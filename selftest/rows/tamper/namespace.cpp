// SPDX-License-Identifier: Apache-2.0
//
// Another network namespace: no rules of ours are there.
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <unistd.h>

#include <linux/sockios.h>

#include <cerrno>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// Nothing is reached from an empty namespace, but the kernel has to have looked for a way, or for
/// an address to go with it (net/ipv6/route.c).
bool has_no_way(int error) {
  return error == ENETUNREACH || error == EADDRNOTAVAIL;
}

template <int flags>
Outcome leave(const Scene& scene) {
  if (::unshare(flags) != 0) return failed("unshare");
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target) && !has_no_way(errno)) return failed("connect");
  return {};
}

Outcome clone_away(const Scene& scene) {
  return in_child(leave<CLONE_NEWNET>, scene);
}

Outcome enter(int netns) {
  if (netns < 0) return failed("borrow");
  if (::setns(netns, CLONE_NEWNET) != 0) return failed("setns");
  return {};
}

template <int type>
Outcome send_from(const Scene& scene, int netns) {
  Outcome outcome = enter(netns);
  if (!outcome.step.empty()) return outcome;
  const UniqueFd fd = open_socket(scene.family(), type);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target) && errno != ECONNREFUSED) return failed("connect");
  if (type == SOCK_DGRAM && !send_token(fd.get(), scene)) return failed("send");
  return {};
}

template <int type>
Outcome send_from_elsewhere(const Scene& scene) {
  const UniqueFd netns = borrow(scene, Lent::netns, Namespace::elsewhere);
  return send_from<type>(scene, netns.get());
}

/// Every socket names the namespace it belongs to.
Outcome follow_socket(const Scene& scene) {
  const UniqueFd lent = borrow(scene, Lent::udp, Namespace::elsewhere);
  if (!lent) return failed("borrow");
  const UniqueFd netns(::ioctl(lent.get(), SIOCGSKNS));
  return send_from<SOCK_DGRAM>(scene, netns.get());
}

/// A socket stays where it was made, whoever has gone elsewhere.
Outcome send_on_old_socket(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  const UniqueFd netns = borrow(scene, Lent::netns, Namespace::elsewhere);
  Outcome outcome = enter(netns.get());
  if (!outcome.step.empty()) return outcome;
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("send");
  return {};
}

/// To listen elsewhere and be visited there.
Outcome serve_elsewhere(const Scene& scene) {
  const UniqueFd netns = borrow(scene, Lent::netns, Namespace::elsewhere);
  Outcome outcome = enter(netns.get());
  if (!outcome.step.empty()) return outcome;
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!bind_to(fd.get(), any_address(scene.family(), scene.port))) return failed("bind");
  if (::listen(fd.get(), 1) != 0) return failed("listen");
  return {};
}

constexpr Stops stops_abroad{Guard::connect, Guard::foreign, Guard::foreign};

}  // namespace

Rows tamper_namespace() {
  return {
      {.name = "a new network namespace",
       .proof = Proof::done,
       .stops = stops_abroad,
       .attempt = leave<CLONE_NEWNET>},
      {.name = "a new network namespace of a child",
       .proof = Proof::done,
       .stops = stops_abroad,
       .attempt = clone_away},
      {.name = "new user and network namespaces",
       .proof = Proof::done,
       .stops = stops_abroad,
       .attempt = leave<CLONE_NEWUSER | CLONE_NEWNET>},
      {.name = "UDP from another network namespace by setns",
       .stops = stops_abroad,
       .attempt = send_from_elsewhere<SOCK_DGRAM>},
      {.name = "TCP from another network namespace by setns",
       .stops = stops_abroad,
       .attempt = send_from_elsewhere<SOCK_STREAM>},
      {.name = "UDP from another network namespace, found by a socket of its",
       .stops = stops_abroad,
       .attempt = follow_socket},
      {.name = "UDP by a socket of before setns",
       .stops = stops_peer,
       .attempt = send_on_old_socket},
      {.name = "TCP listening in another network namespace",
       .proof = Proof::done,
       .stops = {Guard::bind, Guard::foreign, Guard::foreign},
       .attempt = serve_elsewhere},
  };
}

}  // namespace socklid::selftest
