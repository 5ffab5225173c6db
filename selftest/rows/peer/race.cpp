// SPDX-License-Identifier: Apache-2.0
//
// An address in memory that another thread rewrites, between a named peer and another. The kernel
// copies it once, before it asks anybody: what was judged is what is used.
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <thread>

#include "selftest/rows/peer/peer.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr int tries = 300;

/// The address of the named peer and of the target by turns, as long as it lives.
class Changing {
 public:
  explicit Changing(const Scene& scene)
      : address_(scene.named), thread_([this, &scene] {
          while (!over_) {
            write(scene.target);
            write(scene.named);
          }
        }) {}
  Changing(const Changing&) = delete;
  Changing& operator=(const Changing&) = delete;
  ~Changing() {
    over_ = true;
    thread_.join();
  }
  [[nodiscard]] const Address& get() const { return address_; }

 private:
  void write(const Address& address) {
    std::memcpy(&address_.storage, &address.storage, address.length);
    ::sched_yield();
  }
  Address address_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

/// Nothing is in it: a datagram for the target is known by its port.
bool send_nothing(int fd, const Address& peer) {
  return ::sendto(fd, nullptr, 0, MSG_NOSIGNAL, peer.get(), peer.length) >= 0;
}

bool begin_connecting(int fd, const Address& peer) {
  return ::connect(fd, peer.get(), peer.length) == 0 || errno == EINPROGRESS;
}

/// The last refusal if there was one.
Outcome often(const Scene& scene, int type, bool (*act)(int fd, const Address& peer)) {
  const Changing peer(scene);
  Outcome refused;
  for (int i = 0; i < tries; ++i) {
    const UniqueFd fd = open_socket(scene.family(), type | SOCK_NONBLOCK);
    if (!fd) return failed("socket");
    if (!act(fd.get(), peer.get())) refused = failed("peer");
    ::sched_yield();
  }
  return refused;
}

Outcome connect_to_changing(const Scene& scene) {
  return often(scene, SOCK_STREAM, begin_connecting);
}

Outcome send_to_changing(const Scene& scene) {
  return often(scene, SOCK_DGRAM, send_nothing);
}

Row rewritten(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .stops = stops_peer,
          .attempt = attempt,
          .why = "the kernel judges the copy that it uses",
          .alone = true};
}

}  // namespace

std::vector<Row> race_peer_rows() {
  return {
      rewritten("race: TCP connect, the address rewritten meanwhile", connect_to_changing),
      rewritten("race: UDP send, the address rewritten meanwhile", send_to_changing),
  };
}

}  // namespace socklid::selftest
