// SPDX-License-Identifier: Apache-2.0
#include "tests/siege/engine/race.hpp"

#include <netinet/in.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace socklid::siege {

bool is_listening(int socket) {
  int listening = 0;
  socklen_t size = sizeof(listening);
  return ::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

namespace {

enum Made : unsigned { accepted, connected, bound, plain };
enum Action : unsigned { listens, disconnects, connects, binds, accepts, shuts, sends, reuses };
constexpr std::array<const char*, 4> made_names{"accepted", "connected", "bound", "plain"};
constexpr std::array<const char*, 8> action_names{"listen", "disconnect", "connect", "bind",
                                                  "accept", "shutdown",   "send",    "reuse"};

int make(bool v6) {
  return ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
const sockaddr* raw(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}
int bind_to(int socket, const sockaddr_storage& address) {
  return ::bind(socket, raw(address), size_of(address));
}
int connect_to(int socket, const sockaddr_storage& address) {
  return ::connect(socket, raw(address), size_of(address));
}
void disconnect(int socket) {
  sockaddr_storage none{};
  (void)::connect(socket, raw(none), sizeof(sockaddr_in));
}
void reuse(int socket) {
  const int on = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

/// The listener that the accepted ones come from, for all tries.
class Door {
 public:
  Door(const Step& step, const Places& places)
      : to_(places.address(
            {step.x.role == Role::any ? Role::loopback : step.x.role, step.x.v6, step.x.port})) {
    listener_ = make(step.x.v6);
    if (listener_ < 0) return;
    reuse(listener_);
    if (bind_to(listener_, places.address(step.x)) != 0) return;
    (void)::listen(listener_, 8);
  }
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  ~Door() {
    if (listener_ >= 0) ::close(listener_);
  }
  int enter(int& visitor) const {
    visitor = make(to_.ss_family == AF_INET6);
    if (visitor < 0) return -1;
    (void)connect_to(visitor, to_);
    return ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }

 private:
  int listener_{-1};
  sockaddr_storage to_;
};

void act(unsigned action, int socket, const Step& step, const Places& places) {
  switch (action) {
    case listens:
      (void)::listen(socket, 8);
      break;
    case disconnects:
      disconnect(socket);
      break;
    case connects:
      (void)connect_to(socket, places.address(step.x));
      break;
    case binds:
      (void)bind_to(socket, places.address(step.x));
      break;
    case accepts:
      if (const int made = ::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
          made >= 0)
        ::close(made);
      break;
    case shuts:
      (void)::shutdown(socket, SHUT_RDWR);
      break;
    case sends:
      (void)::send(socket, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      break;
    default:
      reuse(socket);
  }
}

bool is_stray(int socket, const Step& step) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  if (!is_listening(socket)) return false;
  return ::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) == 0 &&
         port_of(name) != step.x.port;
}

/// Both threads on one processor: they change places where the kernel lets them, which is where it
/// would wait for a lock, after a look and before the use.
class OneProcessor {
 public:
  explicit OneProcessor(bool wanted) {
    if (::sched_getaffinity(0, sizeof(before_), &before_) != 0 || !wanted) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    is_on_ = ::sched_setaffinity(0, sizeof(one), &one) == 0;
  }
  OneProcessor(const OneProcessor&) = delete;
  OneProcessor& operator=(const OneProcessor&) = delete;
  ~OneProcessor() {
    if (is_on_) (void)::sched_setaffinity(0, sizeof(before_), &before_);
  }

 private:
  cpu_set_t before_{};
  bool is_on_{false};
};

/// The other thread: acts once at each socket that it is given, after having let others go first.
class Opponent {
 public:
  Opponent(const Step& step, const Places& places)
      : step_(&step), places_(&places), thread_([this] { run(); }) {}
  Opponent(const Opponent&) = delete;
  Opponent& operator=(const Opponent&) = delete;
  ~Opponent() {
    give(over);
    thread_.join();
  }
  void give(int socket) {
    socket_ = socket;
    socket_.notify_one();
  }
  [[nodiscard]] bool is_done() const { return socket_ == none; }

 private:
  static constexpr int none = -1, over = -2;
  void run() {
    for (;;) {
      socket_.wait(none);
      const int socket = socket_;
      if (socket == over) return;
      for (unsigned i = 0; i < step_->v[3]; ++i) std::this_thread::yield();
      act(step_->v[2], socket, *step_, *places_);
      socket_ = none;
    }
  }
  const Step* step_;
  const Places* places_;
  std::atomic<int> socket_{none};
  std::thread thread_;  // the last one: it uses the others
};

}  // namespace

void draw_race(Chance& chance, Step& step) {
  step.v[0] = chance.percent(50) ? accepted : chance.below(made_names.size());
  step.v[1] = chance.percent(60) ? listens : chance.below(action_names.size());
  step.v[2] = chance.percent(60) ? disconnects : chance.below(action_names.size());
  step.v[3] = chance.below(3);
  step.v[4] = 4 + chance.below(40);
  step.v[5] = chance.percent(70) ? 1 : 0;
}

int race(const Step& step, const Places& places) {
  const Door door(step, places);
  const OneProcessor processor(step.v[5] != 0);
  Opponent opponent(step, places);
  int kept = -1;
  for (unsigned i = 0; i < step.v[4]; ++i) {
    int visitor = -1;
    if (kept >= 0) ::close(kept);
    kept = step.v[0] == accepted ? door.enter(visitor) : make(step.x.v6);
    if (kept >= 0) {
      if (step.v[0] == connected) (void)connect_to(kept, places.address(step.x));
      if (step.v[0] == bound) (void)bind_to(kept, places.address(step.x));
      opponent.give(kept);
      while (!opponent.is_done()) act(step.v[1], kept, step, places);
    }
    if (visitor >= 0) ::close(visitor);
    if (kept < 0 || is_stray(kept, step)) break;
  }
  return kept;
}

std::string race_of(const Step& step) {
  return std::string(made_names.at(step.v[0])) + ": " + action_names.at(step.v[1]) +
         " again and again, against " + action_names.at(step.v[2]) + ", " +
         std::to_string(step.v[4]) + " tries";
}

}  // namespace socklid::siege
