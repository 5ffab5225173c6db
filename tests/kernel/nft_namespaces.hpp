// SPDX-License-Identifier: Apache-2.0
//
// Two throwaway network namespaces joined by a veth pair, and what one can try in them.
//
//   TwoNamespaces net;                                   // 10.7.0.1, fd07::1 <-> 10.7.0.2, fd07::2
//   net.box.run([] { ... });                             // the container's side
//   EXPECT_EQ(net.box.connect("10.7.0.2", 443, {.mark = 3}), ECONNREFUSED);
//
// They vanish with the objects, and with the test if it is killed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/unique_fd.hpp"

namespace socklid::test {

/// What a socket gets before it is used.
struct SocketOptions {
  std::uint32_t mark{0};
  std::uint16_t source_port{0};  ///< bound to, if not 0
};

class Namespace {
 public:
  Namespace();
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;
  ~Namespace();

  /// A process that does nothing but hold the namespace.
  [[nodiscard]] pid_t holder() const { return holder_; }
  /// Calls `body` with the calling thread in the namespace.
  void run(const std::function<void()>& body) const;
  /// Output of a shell command, which must succeed.
  std::string shell(const std::string& command) const;

  /// [::]:port, both families; queue of 8.
  [[nodiscard]] UniqueFd listen(std::uint16_t port, SocketOptions options = {}) const;
  /// [::]:port
  [[nodiscard]] UniqueFd receive(std::uint16_t port, SocketOptions options = {}) const;
  /// 0, or the errno; ETIMEDOUT after 400 ms without an answer.
  [[nodiscard]] int connect(const std::string& address, std::uint16_t port,
                            SocketOptions options = {}) const;
  /// A connected socket of SOCK_STREAM or SOCK_DGRAM; none on any error.
  [[nodiscard]] UniqueFd open(int type, const std::string& address, std::uint16_t port,
                              SocketOptions options = {}) const;
  /// Sends one datagram: 0, or the errno.
  [[nodiscard]] int send(const std::string& address, std::uint16_t port,
                         SocketOptions options = {}) const;
  /// Whether an ICMP echo is answered within 400 ms.
  [[nodiscard]] bool echo(const std::string& address, SocketOptions options = {}) const;

 private:
  pid_t holder_{-1};
  UniqueFd descriptor_;
};

/// Whether something can be read within 400 ms.
[[nodiscard]] bool readable(const UniqueFd& socket);

struct TwoNamespaces {
  /// `configured`: addresses set and usable at once. Otherwise the links are down and bare.
  explicit TwoNamespaces(bool configured = true);
  Namespace box;   ///< device box0, 10.7.0.1/24, fd07::1/64
  Namespace peer;  ///< device peer0, 10.7.0.2/24, 10.7.0.3/24, fd07::2/64, fd07::3/64;
                   ///< what it sends comes from the .2 and ::2
};

/// Nothing if this machine can run these tests, else why not.
[[nodiscard]] std::optional<std::string> why_not();

}  // namespace socklid::test
