// SPDX-License-Identifier: Apache-2.0
//
// gate: system calls as 32-bit code makes them, and memory that it can name. On x86-64 a 64-bit
// program makes them too, by int $0x80. On arm64 only a 32-bit program can: each call is made by
// one of a few instructions, which gets the descriptor that the call is about and hands back the
// new one.
//
//   Code32 code;
//   const int fd = code.call(Call32::socket, {AF_INET, SOCK_DGRAM, 0, 0, 0, 0}), mark = 7;
//   const long value = code.copy(&mark, sizeof(mark));
//   const int result = code.call(Call32::setsockopt, {fd, SOL_SOCKET, SO_MARK, value, 4, 0});
//
// On other machines, and where the kernel or the processor has no 32-bit code, calls fail with
// ENOSYS.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace socklid::selftest {

/// Those after `bpf` are about no descriptor.
enum class Call32 : std::uint8_t {
  ioctl,
  sendmsg,
  sendto,
  setsockopt,
  bind,
  connect,
  listen,
  shutdown,
  socket,
  bpf,
  socketcall,  ///< x86 alone has it
};

class Code32 {
 public:
  using Arguments = std::array<long, 6>;

  Code32();
  Code32(const Code32&) = delete;
  Code32& operator=(const Code32&) = delete;
  ~Code32();

  /// The address of a copy that the code can read; 0, which the kernel answers with EFAULT, if
  /// there is no room. `next` is that of the copy after this one.
  long copy(const void* data, std::size_t length);
  [[nodiscard]] long next() const { return base_ + static_cast<long>(used_); }
  /// What the kernel answers; -1 and errno if it refuses. A descriptor is the caller's,
  /// close-on-exec.
  [[nodiscard]] int call(Call32 which, const Arguments& arguments) const;

 private:
  static constexpr std::size_t size = 4096;
  char* start_{nullptr};  ///< of `size` bytes, or null
  long base_{0};          ///< where the code sees them
  std::size_t used_{0};
};

/// Why there are no such calls on this machine; empty if there are. What the kernel of x86-64 was
/// told to do without is not seen here: there a call is a signal.
[[nodiscard]] std::string_view lacks_code32();

}  // namespace socklid::selftest
