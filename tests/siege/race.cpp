// SPDX-License-Identifier: Apache-2.0
#include "tests/siege/race.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace socklid::siege {
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

bool is_listening(int socket) {
  int listening = 0;
  socklen_t size = sizeof(listening);
  return ::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

bool is_stray(int socket, const Step& step) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  if (!is_listening(socket)) return false;
  return ::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) == 0 &&
         port_of(name) != step.x.port;
}

/// Spins `delay` before its action, so that tries meet in many ways.
void attack(int socket, const Step& step, const Places& places, unsigned delay) {
  std::atomic<unsigned> ready{0};
  const auto run = [&](unsigned action, unsigned spins) {
    ready.fetch_add(1);
    while (ready.load() < 2) std::this_thread::yield();
    for (std::atomic<unsigned> i{0}; i < spins;) ++i;
    act(action, socket, step, places);
  };
  std::thread one(run, step.v[1], delay);
  run(step.v[2], step.v[3] - delay);
  one.join();
}

}  // namespace

void draw_race(Chance& chance, Step& step) {
  step.v[0] = chance.percent(50) ? accepted : chance.below(made_names.size());
  step.v[1] = chance.percent(60) ? listens : chance.below(action_names.size());
  step.v[2] = chance.percent(60) ? disconnects : chance.below(action_names.size());
  step.v[3] = 1 + chance.below(400);
  step.v[4] = 4 + chance.below(40);
}

int race(const Step& step, const Places& places) {
  const Door door(step, places);
  int kept = -1;
  for (unsigned i = 0; i < step.v[4]; ++i) {
    int visitor = -1;
    if (kept >= 0) ::close(kept);
    kept = step.v[0] == accepted ? door.enter(visitor) : make(step.x.v6);
    if (kept >= 0) {
      if (step.v[0] == connected) (void)connect_to(kept, places.address(step.x));
      if (step.v[0] == bound) (void)bind_to(kept, places.address(step.x));
      attack(kept, step, places, (i * 37) % (step.v[3] + 1));
    }
    if (visitor >= 0) ::close(visitor);
    if (kept < 0 || is_stray(kept, step)) break;
  }
  return kept;
}

std::string race_of(const Step& step) {
  return std::string(made_names.at(step.v[0])) + ": " + action_names.at(step.v[1]) + " against " +
         action_names.at(step.v[2]) + ", " + std::to_string(step.v[4]) + " tries";
}

}  // namespace socklid::siege
