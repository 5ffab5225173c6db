// SPDX-License-Identifier: Apache-2.0
//
// Sockets that were made by who is allowed more choose no new peer in a subject, and those of a
// subject are its own whoever has them.
#include <linux/io_uring.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "selftest/arena/broker_process.hpp"
#include "selftest/rows/subject/subject.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/inside/program.hpp"
#include "selftest/ways/sockets.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

constexpr int near_end = 51, far_end = 52;

bool keep(const UniqueFd& fd) {
  return ::dup2(fd.get(), handed) == handed;
}

template <int type>
Outcome make(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), type);
  return fd && keep(fd) ? Outcome{} : failed("socket");
}

Outcome make_connected(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd || !keep(fd)) return failed("socket");
  return connect_to(handed, scene.named) ? Outcome{} : failed("connect before");
}

Outcome connect_named(const Scene& scene) {
  if (!connect_to(handed, scene.named)) return failed("connect");
  return send_token(handed, scene) ? Outcome{} : failed("send");
}

Outcome connect_anew(const Scene& scene) {
  if (!connect_to(handed, no_address())) return failed("dissolve");
  return connect_named(scene);
}

Outcome connect_by_ring(const Scene& scene) {
  Ring ring;
  if (!ring) return failed("io_uring_setup");
  if (ring.run(connect_request(handed, scene.named)) < 0) return failed("connect");
  return send_token(handed, scene) ? Outcome{} : failed("send");
}

Outcome send_named(const Scene& scene) {
  return send_token_to(handed, scene, scene.named) ? Outcome{} : failed("sendto");
}

Outcome send_target(const Scene& scene) {
  return send_token_to(handed, scene, scene.target) ? Outcome{} : failed("sendto");
}

template <Act make_it, const char* to, Act use>
Outcome make_and_become(const Scene& scene) {
  Outcome made = make_it(scene);
  if (!made.step.empty()) return made;
  return become(to, use, scene);
}

/// Open across the exec.
template <const char* from, Act make_it, const char* to, Act use>
Outcome inherited(const Scene& scene) {
  return in_program(from, make_and_become<make_it, to, use>, scene);
}

template <Act make_it>
Outcome make_and_pass(const Scene& scene) {
  Outcome made = make_it(scene);
  if (!made.step.empty()) return made;
  return send_with_fd(near_end, "s", 1, handed) ? Outcome{} : failed("pass");
}

template <Act use>
Outcome receive_and(const Scene& scene) {
  UniqueFd fd;
  char byte = 0;
  if (receive_with_fd(far_end, &byte, 1, fd) != 1 || !fd || !keep(fd)) return failed("receive");
  return use(scene);
}

/// By SCM_RIGHTS, from the one program to the other.
template <const char* from, Act make_it, const char* to, Act use>
Outcome passed(const Scene& scene) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return failed("socketpair");
  }
  const UniqueFd one(ends[0]), two(ends[1]);
  if (::dup2(one.get(), near_end) < 0 || ::dup2(two.get(), far_end) < 0) return failed("dup2");
  Outcome sent = in_program(from, make_and_pass<make_it>, scene);
  if (!sent.step.empty()) return sent;
  return in_program(to, receive_and<use>, scene);
}

template <Lent what, Act use>
Outcome borrow_and(const Scene& scene) {
  const UniqueFd fd = borrow(scene, what);
  if (!fd || !keep(fd)) return failed("borrow");
  return use(scene);
}

template <Lent what, Act use>
Outcome lent(const Scene& scene) {
  return in_program(bin_caged, borrow_and<what, use>, scene);
}

Outcome change_mark(const Scene& scene) {
  Outcome made = make<SOCK_DGRAM>(scene);
  if (!made.step.empty()) return made;
  return set_option(handed, SOL_SOCKET, SO_MARK, 77) ? Outcome{} : failed("SO_MARK");
}

Row foreign_row(std::string_view name, Act attempt) {
  return subject_row(name, attempt, Guard::foreign);
}

/// Nothing but its packets is restricted.
Row egress_row(std::string_view name, Act attempt) {
  Row row = subject_row(name, attempt, Guard::packet_out);
  row.annotations = {
      "io.socklid.subject.caged=/bin/caged egress=tcp/4747@10.231.7.9+udp/4747@10.231.7.9"};
  return row;
}

Row mark_row(std::string_view name, Act attempt) {
  Row row = subject_row(name, attempt, Guard::mark, Proof::done);
  row.annotations = {"io.socklid.subject.caged=/bin/caged mark=5"};
  return row;
}

}  // namespace

std::vector<Row> subject_socket() {
  constexpr Act tcp = make<SOCK_STREAM>, udp = make<SOCK_DGRAM>;
  return {
      foreign_row("handed to a subject: TCP, inherited",
                  inherited<bin_other, tcp, bin_caged, connect_named>),
      foreign_row("handed to a subject: TCP, inherited, by io_uring",
                  inherited<bin_other, tcp, bin_caged, connect_by_ring>),
      foreign_row("handed to a subject: TCP, connected and inherited, to another peer",
                  inherited<bin_other, make_connected, bin_caged, connect_anew>),
      foreign_row("handed to a subject: UDP, inherited",
                  inherited<bin_other, udp, bin_caged, send_named>),
      foreign_row("handed to a subject: TCP, passed",
                  passed<bin_other, tcp, bin_caged, connect_named>),
      foreign_row("handed to a subject: UDP, passed",
                  passed<bin_other, udp, bin_caged, send_named>),
      foreign_row("handed to a subject: TCP, from outside", lent<Lent::tcp, connect_named>),
      foreign_row("handed to a subject: UDP, from outside", lent<Lent::udp, send_named>),
      egress_row("packets of a subject: TCP", in_caged<reach_target>),
      egress_row("packets of a subject: UDP", in_caged<both<udp, send_target>>),
      egress_row("packets of a subject: UDP, its socket inherited by another program",
                 inherited<bin_caged, udp, bin_other, send_target>),
      egress_row("packets of a subject: UDP, its socket passed to another program",
                 passed<bin_caged, udp, bin_other, send_target>),
      mark_row("mark of a subject: another one by SO_MARK", in_caged<change_mark>),
  };
}

}  // namespace socklid::selftest
