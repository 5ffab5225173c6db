// SPDX-License-Identifier: Apache-2.0
//
// A run of a subject that its listen has sealed, and what may have been made ready before.
#include <linux/io_uring.h>
#include <sys/socket.h>

#include "selftest/rows/subject/subject.hpp"
#include "selftest/ways/sockets.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

Outcome listen_once(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  return fd && ::listen(fd.get(), 1) == 0 ? Outcome{} : failed("listen");
}

Outcome with_older_socket(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  Outcome sealed = listen_once(scene);
  if (!sealed.step.empty()) return sealed;
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return send_token(fd.get(), scene) ? Outcome{} : failed("send");
}

Outcome with_older_connection(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd || !connect_to(fd.get(), scene.named)) return failed("connect before");
  Outcome sealed = listen_once(scene);
  if (!sealed.step.empty()) return sealed;
  if (!connect_to(fd.get(), no_address())) return failed("dissolve");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return send_token(fd.get(), scene) ? Outcome{} : failed("send");
}

/// `flags`: of io_uring_setup(2). The ring is older than the seal.
template <std::uint32_t flags>
Outcome with_older_ring(const Scene& scene) {
  Ring ring(flags);
  if (!ring) return failed("io_uring_setup");
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  Outcome sealed = listen_once(scene);
  if (!sealed.step.empty()) return sealed;
  if (ring.run(connect_request(fd.get(), scene.target)) < 0) return failed("connect");
  return {};
}

Row sealed_row(std::string_view name, Act in_caged) {
  Row row = subject_row(name, in_caged, Guard::connect);
  row.annotations = {"io.socklid.subject.caged=/bin/caged connect=tcp/4747@10.231.7.9 seal=listen"};
  return row;
}

template <Act act>
constexpr Act after_listen = in_caged<both<listen_once, act>>;

}  // namespace

std::vector<Row> subject_seal() {
  constexpr Act again = in_caged<reach_target>;
  return {
      sealed_row("sealed run: itself", after_listen<reach_target>),
      sealed_row("sealed run: a child", after_listen<done_in<in_child>>),
      sealed_row("sealed run: an orphan in its own session", after_listen<done_in<in_daemon>>),
      sealed_row("sealed run: a thread", after_listen<done_in<in_thread>>),
      sealed_row("sealed run: another program", after_listen<as_other>),
      sealed_row("sealed run: its own program again", after_listen<again>),
      sealed_row("sealed run: its own program again, by way of another",
                 after_listen<in_other<again>>),
      sealed_row("sealed run: a child has listened",
                 in_caged<both<done_in<in_child, listen_once>, reach_target>>),
      sealed_row("sealed run: a thread has listened",
                 in_caged<both<done_in<in_thread, listen_once>, reach_target>>),
      sealed_row("sealed run: another program of it has listened",
                 in_caged<both<in_other<listen_once>, reach_target>>),
      sealed_row("sealed run: a socket from before", in_caged<with_older_socket>),
      sealed_row("sealed run: a connection from before, to another peer",
                 in_caged<with_older_connection>),
      sealed_row("sealed run: an io_uring from before", in_caged<with_older_ring<0>>),
      sealed_row("sealed run: an io_uring from before, by its own thread",
                 in_caged<with_older_ring<IORING_SETUP_SQPOLL>>),
  };
}

}  // namespace socklid::selftest
