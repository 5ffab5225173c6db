// SPDX-License-Identifier: Apache-2.0
//
// Tasks of which nobody knows what they are; subjects outside their hours; everyone else.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <string>

#include "selftest/rows/subject/subject.hpp"
#include "selftest/ways/inside/program.hpp"
#include "selftest/ways/sockets.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

Outcome send_unknown(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  return send_token_to(fd.get(), scene, scene.target) ? Outcome{} : failed("sendto");
}

Outcome ring_unknown(const Scene& scene) {
  Ring ring;
  if (!ring) return failed("io_uring_setup");
  const UniqueFd fd(ring.run(socket_request(scene.family(), SOCK_STREAM, 0)));
  if (!fd) return failed("socket");
  return connect_to(fd.get(), scene.target) ? Outcome{} : failed("connect");
}

Row unknown_row(std::string_view name, Act attempt) {
  return subject_row(name, attempt, Guard::subject);
}

// Hours ------------------------------------------------------------------------------------------

Outcome late_socket(const Scene& scene) {
  return open_socket(scene.family(), SOCK_STREAM) ? Outcome{} : failed("socket");
}

Outcome late_bind(const Scene& scene) {
  return bind_to(handed, scene.local) ? Outcome{} : failed("bind");
}

Outcome late_listen(const Scene& /*scene*/) {
  return ::listen(handed, 1) == 0 ? Outcome{} : failed("listen");
}

/// That of another program, with what goes on for `use`.
template <bool bound, Act use>
Outcome make_and_become_late(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd || ::dup2(fd.get(), handed) != handed) return failed("socket");
  if (bound && !bind_to(handed, scene.local)) return failed("bind before");
  return become("/bin/caged", use, scene);
}

Outcome late_child(const Scene& scene) {
  return in_child(late_socket, scene);
}

/// An hour, eleven from now.
std::string_view far_hours() {
  static const std::string text = [] {
    constexpr unsigned ahead = 11, day = 24;
    const std::time_t now = std::time(nullptr);
    const auto hour = static_cast<unsigned>(now / 3600 % 24);
    std::array<char, 96> line{};
    std::snprintf(line.data(), line.size(),
                  "io.socklid.subject.caged=/bin/caged hours=%02u:00-%02u:59", (hour + ahead) % day,
                  (hour + ahead) % day);
    return std::string(line.data());
  }();
  return text;
}

Row late_row(std::string_view name, Act attempt) {
  Row row = subject_row(name, attempt, Guard::hours, Proof::done);
  row.annotations = {far_hours()};
  return row;
}

// Everyone else ----------------------------------------------------------------------------------

Outcome other_becomes_other(const Scene& scene) {
  return become("/bin/other", reach_target, scene);
}

Outcome third_becomes_other(const Scene& scene) {
  return in_program("/bin/third", other_becomes_other, scene);
}

Outcome by_script(const Scene& scene) {
  return in_script("/bin/script", reach_target, scene);
}

Outcome in_others_child(const Scene& scene) {
  return in_child(reach_target, scene);
}

Row others_row(std::string_view name, Act attempt) {
  Row row = subject_row(name, attempt, Guard::connect);
  row.annotations = {"io.socklid.subject.caged=/bin/caged listen=deny",
                     "io.socklid.subject.others=* connect=tcp/4747@10.231.7.9",
                     "io.socklid.subject.third=/bin/third listen=deny inherit=none"};
  return row;
}

}  // namespace

std::vector<Row> subject_limit() {
  return {
      unknown_row("without an exec: TCP", reach_target),
      unknown_row("without an exec: UDP", send_unknown),
      unknown_row("without an exec: a child", done_in<in_child>),
      unknown_row("without an exec: a thread", done_in<in_thread>),
      unknown_row("without an exec: a nested cgroup", done_in<in_nested_cgroup>),
      unknown_row("without an exec: io_uring", ring_unknown),
      late_row("outside its hours: a socket", in_caged<late_socket>),
      late_row("outside its hours: a child's socket", in_caged<late_child>),
      late_row("outside its hours: bind", in_other<make_and_become_late<false, late_bind>>),
      late_row("outside its hours: listen", in_other<make_and_become_late<true, late_listen>>),
      others_row("everyone else: a program that is no subject", in_other<reach_target>),
      others_row("everyone else: its child", in_other<in_others_child>),
      others_row("everyone else: exec of another", in_other<other_becomes_other>),
      others_row("everyone else: a script", by_script),
      others_row("everyone else: a program that a level has freed", third_becomes_other),
  };
}

}  // namespace socklid::selftest
