// SPDX-License-Identifier: Apache-2.0
//
// The broker's own side, selftest/ways/broker.hpp, and what both sides send each other: messages on
// a SOCK_SEQPACKET pair, one request and one reply each.
//
//   const BrokerProcess broker = SL_TRY(BrokerProcess::start({&network, outside, above}));
//   const UniqueFd client = SL_TRY(broker.serve_new_client());   // for Scene::broker
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "selftest/arena/child.hpp"
#include "selftest/arena/network.hpp"
#include "selftest/ways/broker.hpp"

namespace socklid::selftest {

struct BrokerRequest {
  enum class Do : std::uint8_t { lend, keep, visit } action{};
  Lent what{};
  Namespace where{};
  int family{0};
  Address target;         ///< of the scene
  std::uint16_t port{0};  ///< of the scene, or the port to visit; host byte order
};

struct BrokerReply {
  int error{0};  ///< errno; 0: it is done, and of `lend` the descriptor comes along
  pid_t pid{0};
  int fd{-1};
};

/// One message with a descriptor beside it, or with none (-1). False with errno.
[[nodiscard]] bool send_with_fd(int socket, const void* message, std::size_t size, int fd);
/// The message's size, 0 when the other side is gone, negative with errno. `fd` stays empty if none
/// came along.
[[nodiscard]] ssize_t receive_with_fd(int socket, void* message, std::size_t size, UniqueFd& fd);

/// What the broker knows of the arena. All outlives it.
struct BrokerPlaces {
  const Network* network{nullptr};
  std::string outside;  ///< directory of a cgroup beside the container's
  std::string above;    ///< directory of the cgroup above both
};

class BrokerProcess {
 public:
  [[nodiscard]] static Result<BrokerProcess> start(const BrokerPlaces& places);
  /// A way to ask it. What it has kept for the client before is closed.
  [[nodiscard]] Result<UniqueFd> serve_new_client() const;

 private:
  BrokerProcess(Child child, UniqueFd control)
      : control_(std::move(control)), child_(std::move(child)) {}
  UniqueFd control_;
  Child child_;
};

}  // namespace socklid::selftest
