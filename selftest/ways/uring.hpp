// SPDX-License-Identifier: Apache-2.0
//
// uring: socket calls by io_uring, with the kernel's interface alone (io_uring(7), no liburing).
//
//   Ring ring;
//   if (!ring) return failed("io_uring_setup");
//   if (ring.run(connect_request(fd.get(), scene.target)) < 0) return failed("connect");
//
// One request at a time. What requests point to outlives run(). Errors are in errno.
#pragma once

#include <linux/io_uring.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "base/unique_fd.hpp"
#include "selftest/row.hpp"

namespace socklid::selftest {

/// A piece of a ring that the kernel shares with us; unmapped at the end.
class RingMemory {
 public:
  RingMemory() = default;
  RingMemory(int ring, std::size_t size, std::uint64_t offset);
  RingMemory(const RingMemory&) = delete;
  RingMemory& operator=(const RingMemory&) = delete;
  ~RingMemory();

  [[nodiscard]] explicit operator bool() const { return start_ != nullptr; }
  template <typename T>
  [[nodiscard]] T* at(std::uint32_t offset) const {
    return reinterpret_cast<T*>(start_ + offset);  // NOLINT
  }

 private:
  char* start_{nullptr};
  std::size_t size_{0};
};

class Ring {
 public:
  /// `flags` are IORING_SETUP_*. With IORING_SETUP_SQPOLL a thread of the kernel's does the calls.
  explicit Ring(std::uint32_t flags = 0);

  [[nodiscard]] explicit operator bool() const { return fd_ && queue_ && requests_ && results_; }
  /// Submits the request and waits for its result; -1 with ETIMEDOUT after `patience`
  /// (sockets.hpp). A request that is still under way ends with the ring.
  [[nodiscard]] int run(const io_uring_sqe& request);
  /// Makes room for one socket that has no descriptor, only the index 0 (IOSQE_FIXED_FILE).
  [[nodiscard]] bool register_one_file() const;

 private:
  [[nodiscard]] int take_result();

  io_uring_params params_{};
  UniqueFd fd_;
  RingMemory queue_;
  RingMemory requests_;
  RingMemory results_;
};

// Field by field as io_uring/net.c reads them (io_socket_prep, io_connect_prep, io_sendmsg_prep).

[[nodiscard]] io_uring_sqe socket_request(int family, int type, int protocol);
[[nodiscard]] io_uring_sqe connect_request(int fd, const Address& peer);
[[nodiscard]] io_uring_sqe accept_request(int fd);
[[nodiscard]] io_uring_sqe shutdown_request(int fd, int how);
[[nodiscard]] io_uring_sqe sendmsg_request(int fd, const msghdr& message, int flags);
/// `opcode`: IORING_OP_SEND or IORING_OP_SEND_ZC, which from 6.1 on take an address. SEND_ZC leaves
/// a second result in the ring, which is good for nothing more then.
[[nodiscard]] io_uring_sqe send_request(std::uint8_t opcode, int fd, const Scene& scene,
                                        const Address& peer);

}  // namespace socklid::selftest
