// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/compat.hpp"

#include <linux/net.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <initializer_list>

namespace socklid::selftest {
namespace {

constexpr int backlog = 8;

/// A call: its own number, and its number of socketcall(2).
struct Call {
  long direct;
  long multiplexed;
};
constexpr long socketcall_number = 102;
constexpr Call call_socket{359, SYS_SOCKET}, call_bind{361, SYS_BIND};
constexpr Call call_connect{362, SYS_CONNECT}, call_listen{363, SYS_LISTEN};
constexpr Call call_setsockopt{366, SYS_SETSOCKOPT};
constexpr Call call_sendto{369, SYS_SENDTO}, call_shutdown{373, SYS_SHUTDOWN};

using Arguments = std::array<long, 6>;

/// 32-bit code names memory below 4 GiB; what it is to read is copied there.
class LowMemory {
 public:
  LowMemory() {
#ifdef MAP_32BIT
    void* start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (start != MAP_FAILED) start_ = static_cast<char*>(start);  // NOLINT
#endif
  }
  LowMemory(const LowMemory&) = delete;
  LowMemory& operator=(const LowMemory&) = delete;
  ~LowMemory() {
    if (start_ != nullptr) ::munmap(start_, size);
  }

  /// The copy's address; 0, which the kernel answers with EFAULT, if there is no room.
  long copy(const void* data, std::size_t length) {
    if (start_ == nullptr || used_ + length > size) return 0;
    char* place = start_ + used_;
    std::memcpy(place, data, length);
    used_ += (length + 15) & ~std::size_t{15};
    return static_cast<long>(reinterpret_cast<std::uintptr_t>(place));  // NOLINT
  }

 private:
  static constexpr std::size_t size = 4096;
  char* start_{nullptr};
  std::size_t used_{0};
};

/// int $0x80: the number in eax, arguments in ebx, ecx, edx, esi, edi and ebp, which the compiler
/// keeps for itself. Nothing is pushed: the stack below belongs to the function (the red zone).
long enter(long number, const Arguments& arguments) {
#ifdef __x86_64__
  long result = number;
  register const long* from __asm__("r8") = arguments.data();
  __asm__ volatile(
      "mov %%rbp, %%r12\n\tmov 0(%1), %%rbx\n\tmov 8(%1), %%rcx\n\tmov 16(%1), %%rdx\n\t"
      "mov 24(%1), %%rsi\n\tmov 32(%1), %%rdi\n\tmov 40(%1), %%rbp\n\t"
      "int $0x80\n\tmov %%r12, %%rbp"
      : "+a"(result), "+r"(from)
      :
      : "rbx", "rcx", "rdx", "rsi", "rdi", "r9", "r10", "r11", "r12", "memory", "cc");
  return static_cast<int>(result);
#else
  static_cast<void>(number), static_cast<void>(arguments);
  return -ENOSYS;
#endif
}

int call(Gate gate, const Call& which, const Arguments& arguments) {
  long result = 0;
  if (gate == Gate::direct) {
    result = enter(which.direct, arguments);
  } else {
    std::array<std::uint32_t, 6> packed{};
    for (std::size_t i = 0; i < packed.size(); ++i) {
      packed[i] = static_cast<std::uint32_t>(arguments[i]);
    }
    LowMemory memory;
    result = enter(socketcall_number,
                   {which.multiplexed, memory.copy(packed.data(), sizeof(packed)), 0, 0, 0, 0});
  }
  if (result >= 0) return static_cast<int>(result);
  errno = static_cast<int>(-result);
  return -1;
}

}  // namespace

UniqueFd compat_socket(Gate gate, int family, int type, int protocol) {
  return UniqueFd(call(gate, call_socket, {family, type | SOCK_CLOEXEC, protocol, 0, 0, 0}));
}

bool compat_connect(Gate gate, int fd, const Address& peer) {
  LowMemory memory;
  return call(gate, call_connect,
              {fd, memory.copy(&peer.storage, peer.length), peer.length, 0, 0, 0}) == 0;
}

bool compat_bind(Gate gate, int fd, const Address& local) {
  LowMemory memory;
  return call(gate, call_bind,
              {fd, memory.copy(&local.storage, local.length), local.length, 0, 0, 0}) == 0;
}

bool compat_listen(Gate gate, int fd) {
  return call(gate, call_listen, {fd, backlog, 0, 0, 0, 0}) == 0;
}

bool compat_sendto(Gate gate, int fd, std::string_view data, const Address& peer, int flags) {
  LowMemory memory;
  const long copy = memory.copy(data.data(), data.size());
  return call(gate, call_sendto,
              {fd, copy, static_cast<long>(data.size()), flags | MSG_NOSIGNAL,
               memory.copy(&peer.storage, peer.length), peer.length}) >= 0;
}

bool compat_setsockopt(Gate gate, int fd, int level, int option, std::string_view value) {
  LowMemory memory;
  const long copy = memory.copy(value.data(), value.size());
  return call(gate, call_setsockopt,
              {fd, level, option, copy, static_cast<long>(value.size()), 0}) == 0;
}

bool compat_shutdown(Gate gate, int fd, int how) {
  return call(gate, call_shutdown, {fd, how, 0, 0, 0, 0}) == 0;
}

}  // namespace socklid::selftest
