// SPDX-License-Identifier: Apache-2.0
//
// A socket that has its port from its connection gives it back when another thread dissolves that.
// What listen(2) finds before it has the socket's lock is a named port; what it then listens on is
// the kernel's choice. Some tries in a hundred win where only the port is looked at.
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <thread>
#include <utility>

#include "selftest/rows/listen/listen.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// A run has one CPU, and two threads race on two.
void take_every_cpu() {
  cpu_set_t all;
  CPU_ZERO(&all);
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &all);
  static_cast<void>(::sched_setaffinity(0, sizeof(all), &all));
}

/// Dissolves one connection after the other, by connect(2) to AF_UNSPEC, in a thread of its own.
class Dissolver {
 public:
  Dissolver() : thread_([this] { run(); }) {}
  Dissolver(const Dissolver&) = delete;
  Dissolver& operator=(const Dissolver&) = delete;
  ~Dissolver() {
    socket_ = over;
    thread_.join();
  }
  void begin(int socket) { socket_ = socket; }
  [[nodiscard]] bool is_done() const { return socket_ == none; }

 private:
  static constexpr int none = -1, over = -2;
  void run() {
    for (int socket = socket_; socket != over; socket = socket_) {
      if (socket == none) {
        ::sched_yield();
        continue;
      }
      static_cast<void>(connect_to(socket, no_address()));
      socket_.compare_exchange_strong(socket, none);
    }
  }
  std::atomic<int> socket_{none};
  std::thread thread_;
};

bool is_listening(int fd) {
  int listens = 0;
  socklen_t size = sizeof(listens);
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

/// Tries with one socket. Whatever it listens on in the end is the kernel's choice.
Outcome listen_while_dissolved(const Scene& scene, Dissolver& dissolver, UniqueFd fd) {
  const OnlyPort only(scene.port);
  if (!only) return failed("ip_local_port_range");
  dissolver.begin(fd.get());
  while (!dissolver.is_done()) static_cast<void>(::listen(fd.get(), backlog));
  const bool refused = ::listen(fd.get(), backlog) != 0;
  const int error = errno;
  if (is_listening(fd.get())) return {.step = {}, .error = 0, .held = std::move(fd)};
  return {.step = "listen", .error = refused ? error : 0};
}

/// On its way to the named peer from the served port, which the kernel has chosen.
UniqueFd bound_by_connect(const Scene& scene, int /*listener*/) {
  const OnlyPort only(served_port);
  UniqueFd fd = open_socket(scene.family(), SOCK_STREAM | SOCK_NONBLOCK);
  if (!only || !fd) return {};
  const bool begun = ::connect(fd.get(), scene.named.get(), scene.named.length) == 0;
  if (!begun && errno != EINPROGRESS) return {};
  return fd;
}

/// A visitor's connection, on the listener's port.
UniqueFd bound_by_accept(const Scene& scene, int listener) {
  if (!visit(scene, served_port)) return {};
  return UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
}

Outcome race(const Scene& scene, int tries, int listener,
             UniqueFd (*make)(const Scene& scene, int listener)) {
  take_every_cpu();
  Dissolver dissolver;
  Outcome outcome;
  for (int i = 0; i < tries; ++i) {
    UniqueFd fd = make(scene, listener);
    if (!fd) return failed("connect");
    outcome = listen_while_dissolved(scene, dissolver, std::move(fd));
    if (outcome.step.empty()) break;
  }
  return outcome;
}

Outcome listen_after_connect(const Scene& scene) {
  constexpr int tries = 500;
  return race(scene, tries, -1, bound_by_connect);
}

Outcome listen_after_accept(const Scene& scene) {
  constexpr int tries = 100;
  const Outcome listener = bound_and_listening(open_socket(scene.family(), SOCK_STREAM),
                                               any_address(scene.family(), served_port));
  if (!listener.step.empty()) return failed("listen on the served port");
  return race(scene, tries, listener.held.get(), bound_by_accept);
}

/// What a listener is for.
Outcome accept_after_connect(const Scene& scene) {
  const Outcome listener = listen_after_connect(scene);
  if (!listener.step.empty()) return {.step = listener.step, .error = listener.error};
  if (!visit(scene, scene.port)) return failed("visit");
  if (!UniqueFd(::accept4(listener.held.get(), nullptr, nullptr, SOCK_CLOEXEC))) {
    return failed("accept");
  }
  return {};
}

/// Alone: connections of the tries stay with the receiver.
Row races(std::string_view name, Outcome (*attempt)(const Scene&), Proof proof) {
  return {.name = name,
          .proof = proof,
          .stops = stops_port,
          .attempt = attempt,
          .why = "the port that listen(2) finds is given back by another thread",
          .alone = true};
}

}  // namespace

std::vector<Row> listen_race_rows() {
  return {
      races("race: listen on a connected socket while it is dissolved", listen_after_connect,
            Proof::answered),
      races("race: listen on an accepted socket while it is dissolved", listen_after_accept,
            Proof::answered),
      races("race: listen on a connected socket while it is dissolved, accept",
            accept_after_connect, Proof::done),
  };
}

}  // namespace socklid::selftest
