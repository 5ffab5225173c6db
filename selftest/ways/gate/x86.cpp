// SPDX-License-Identifier: Apache-2.0
//
// x86-64's; for machines of neither kind as well, which have no such calls.
#include <sys/mman.h>

#include <cerrno>

#include "selftest/ways/gate/gate.hpp"

namespace socklid::selftest {
namespace {

#ifdef __x86_64__
/// arch/x86/entry/syscalls/syscall_32.tbl
constexpr long number_of(Call32 which) {
  switch (which) {
    case Call32::ioctl:
      return 54;
    case Call32::sendmsg:
      return 370;
    case Call32::sendto:
      return 369;
    case Call32::setsockopt:
      return 366;
    case Call32::bind:
      return 361;
    case Call32::connect:
      return 362;
    case Call32::listen:
      return 363;
    case Call32::shutdown:
      return 373;
    case Call32::socket:
      return 359;
    case Call32::bpf:
      return 357;
    case Call32::socketcall:
      return 102;
  }
  return -1;
}

/// int $0x80: the number in eax, arguments in ebx, ecx, edx, esi, edi and ebp, which the compiler
/// keeps for itself. Nothing is pushed: the stack below belongs to the function (the red zone).
long enter(long number, const Code32::Arguments& arguments) {
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
}
#endif

}  // namespace

Code32::Code32() {
#ifdef MAP_32BIT
  void* start =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (start == MAP_FAILED) return;  // NOLINT
  start_ = static_cast<char*>(start);
  base_ = static_cast<long>(reinterpret_cast<std::uintptr_t>(start));  // NOLINT
#endif
}

int Code32::call(Call32 which, const Arguments& arguments) const {
#ifdef __x86_64__
  const long result = enter(number_of(which), arguments);
#else
  static_cast<void>(which), static_cast<void>(arguments);
  const long result = -ENOSYS;
#endif
  if (result >= 0) return static_cast<int>(result);
  errno = static_cast<int>(-result);
  return -1;
}

std::string_view lacks_code32() {
#ifdef __x86_64__
  return "";
#else
  return "this machine has no 32-bit calls";
#endif
}

}  // namespace socklid::selftest
