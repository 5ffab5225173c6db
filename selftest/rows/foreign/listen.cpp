// SPDX-License-Identifier: Apache-2.0
//
// Sockets that were made outside and are to be reached inside.
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

#include "selftest/rows/foreign/foreign.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome hold(UniqueFd fd) {
  return {.step = {}, .error = 0, .held = std::move(fd)};
}

Outcome bind_and_listen(const Scene& scene) {
  UniqueFd fd = borrow(scene, Lent::tcp);
  if (!fd) return failed("borrow");
  if (!bind_to(fd.get(), scene.local)) return failed("bind");
  if (::listen(fd.get(), 1) != 0) return failed("listen");
  return hold(std::move(fd));
}

Outcome bind_udp(const Scene& scene) {
  UniqueFd fd = borrow(scene, Lent::udp);
  if (!fd) return failed("borrow");
  if (!bind_to(fd.get(), scene.local)) return failed("bind");
  return hold(std::move(fd));
}

template <Lent what>
Outcome keep_lent(const Scene& scene) {
  UniqueFd fd = borrow(scene, what);
  if (!fd) return failed("borrow");
  return hold(std::move(fd));
}

Outcome listen_elsewhere(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::tcp_bound, Namespace::elsewhere);
  if (!fd) return failed("borrow");
  if (::listen(fd.get(), 1) != 0) return failed("listen");
  return {};
}

Outcome bind_elsewhere(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::udp, Namespace::elsewhere);
  if (!fd) return failed("borrow");
  if (!bind_to(fd.get(), any_address(scene.family(), scene.port))) return failed("bind");
  return {};
}

constexpr Stops stops_here{Guard::bind, Guard::inbound, Guard::bind};
constexpr Stops stops_abroad{Guard::bind, Guard::foreign, Guard::foreign};

}  // namespace

std::vector<Row> foreign_listen() {
  return {
      {.name = "handed in: TCP, bind and listen",
       .proof = Proof::answered,
       .stops = stops_here,
       .attempt = bind_and_listen,
       .lines = Row::Lines::rules},
      {.name = "handed in: UDP, bind",
       .proof = Proof::received,
       .stops = stops_here,
       .attempt = bind_udp,
       .lines = Row::Lines::rules},
      // Without egress what is bound already goes on, by design.
      {.name = "handed in: bound UDP",
       .proof = Proof::received,
       .stops = always(Guard::inbound),
       .attempt = keep_lent<Lent::udp_bound>,
       .annotations = {egress_annotation},
       .lines = Row::Lines::rules},  // its packets are another cgroup's
      {.name = "handed in: listening TCP",
       .proof = Proof::answered,
       .stops = always(Guard::inbound),
       .attempt = keep_lent<Lent::tcp_listening>,
       .annotations = {egress_annotation},
       .lines = Row::Lines::rules},  // its packets are another cgroup's
      {.name = "of another namespace: bound TCP, listen",
       .proof = Proof::done,
       .stops = stops_abroad,
       .attempt = listen_elsewhere},
      {.name = "of another namespace: UDP, bind",
       .proof = Proof::done,
       .stops = stops_abroad,
       .attempt = bind_elsewhere},
  };
}

}  // namespace socklid::selftest
