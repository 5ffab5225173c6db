// SPDX-License-Identifier: Apache-2.0
//
// arm64's. Not every processor runs 32-bit programs (AArch32 at EL0), and no 64-bit program makes
// their calls.
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/unique_fd.hpp"
#include "selftest/ways/gate/gate.hpp"

namespace socklid::selftest {
namespace {

/// arch/arm/tools/syscall.tbl, EABI.
constexpr long number_of(Call32 which) {
  switch (which) {
    case Call32::ioctl:
      return 54;
    case Call32::sendmsg:
      return 296;
    case Call32::sendto:
      return 290;
    case Call32::setsockopt:
      return 294;
    case Call32::bind:
      return 282;
    case Call32::connect:
      return 283;
    case Call32::listen:
      return 284;
    case Call32::shutdown:
      return 293;
    case Call32::socket:
      return 281;
    case Call32::bpf:
      return 386;
    case Call32::socketcall:
      return -1;
  }
  return -1;
}
constexpr long getpid_number = 20;

/// What the program works with, behind its instructions.
struct Block {
  std::uint32_t number{0};
  std::array<std::uint32_t, 6> arguments{};
  std::uint32_t result{0};
  std::uint32_t said{0};  ///< the descriptor that it writes the result to
  std::uint32_t held{0};  ///< the one that it reads from before it ends
};

constexpr std::array<std::uint32_t, 23> instructions = {
    0xe28f9054,                                                  // add r9, pc, #84: the block
    0xe5997000,                                                  // ldr r7, [r9]
    0xe5990004, 0xe5991008, 0xe599200c,                          // ldr r0..r5
    0xe5993010, 0xe5994014, 0xe5995018,                          //
    0xef000000,                                                  // svc #0
    0xe589001c,                                                  // str r0, [r9, #28]
    0xe3a07004, 0xe5990020, 0xe289101c, 0xe3a02004, 0xef000000,  // write(said, &result, 4)
    0xe3a07003, 0xe5990024, 0xe289101c, 0xe3a02004, 0xef000000,  // read(held, &result, 4)
    0xe3a07001, 0xe3a00000, 0xef000000,                          // exit(0)
};

/// Pages are of 64 KiB at most. What Code32 has copied lies behind the program.
constexpr std::uint32_t load_address = 0x20000, data_offset = 0x1000, page_size = 0x10000;

struct Program {
  Elf32_Ehdr header;
  Elf32_Phdr segment;
  std::array<std::uint32_t, instructions.size()> code;
  Block block;
};
static_assert(offsetof(Program, block) - offsetof(Program, code) == 84 + 8);
static_assert(sizeof(Program) < data_offset);

Program program(const Block& block, std::size_t data_size) {
  Program made{};
  Elf32_Ehdr& header = made.header;
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS32;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_ARM;
  header.e_version = EV_CURRENT;
  header.e_entry = load_address + offsetof(Program, code);
  header.e_phoff = offsetof(Program, segment);
  header.e_flags = EF_ARM_EABI_VER5;
  header.e_ehsize = sizeof(Elf32_Ehdr);
  header.e_phentsize = sizeof(Elf32_Phdr);
  header.e_phnum = 1;
  made.segment = {.p_type = PT_LOAD,
                  .p_offset = 0,
                  .p_vaddr = load_address,
                  .p_paddr = load_address,
                  .p_filesz = static_cast<Elf32_Word>(data_offset + data_size),
                  .p_memsz = static_cast<Elf32_Word>(data_offset + data_size),
                  .p_flags = PF_R | PF_W | PF_X,
                  .p_align = page_size};
  made.code = instructions;
  made.block = block;
  return made;
}

struct Pipe {
  UniqueFd read, write;
  Pipe() {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
};

UniqueFd file_of(const Program& made, const char* data, std::size_t size) {
  UniqueFd file(::memfd_create("code32", MFD_CLOEXEC));
  if (!file || ::pwrite(file.get(), &made, sizeof(made), 0) != ssize_t{sizeof(made)} ||
      ::pwrite(file.get(), data, size, data_offset) != static_cast<ssize_t>(size)) {
    return {};
  }
  return file;
}

[[noreturn]] void become(int file, std::initializer_list<int> kept) {
  for (const int fd : kept) ::fcntl(fd, F_SETFD, 0);
  std::array<char*, 1> none{nullptr};
  ::syscall(SYS_execveat, file, "", none.data(), none.data(), AT_EMPTY_PATH);
  ::_exit(1);
}

UniqueFd taken_from(pid_t process, int fd) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0)));
}

/// What the kernel answers the program, an error as its negative number, a descriptor as one of
/// this process. `about`: a descriptor that the program is given, or -1.
int answer_to(Block block, int about, bool makes_descriptor, const char* data, std::size_t size) {
  Pipe said, held;
  block.said = static_cast<std::uint32_t>(said.write.get());
  block.held = static_cast<std::uint32_t>(held.read.get());
  const UniqueFd file = file_of(program(block, size), data, size);
  if (!said.write || !held.write || !file) return -errno;
  const pid_t child = ::fork();
  if (child < 0) return -errno;
  if (child == 0) become(file.get(), {said.write.get(), held.read.get(), about});
  said.write.reset();
  int answer = 0;
  // Without a word: it is no program here.
  if (::read(said.read.get(), &answer, sizeof(answer)) != ssize_t{sizeof(answer)}) answer = -ENOSYS;
  if (answer >= 0 && makes_descriptor) {
    UniqueFd own = taken_from(child, answer);
    answer = own ? own.release() : -errno;
  }
  held.write.reset();
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return answer;
}

}  // namespace

Code32::Code32() : base_(load_address + data_offset) {
  void* start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start != MAP_FAILED) start_ = static_cast<char*>(start);  // NOLINT
}

int Code32::call(Call32 which, const Arguments& arguments) const {
  Block block{.number = static_cast<std::uint32_t>(number_of(which))};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    block.arguments[i] = static_cast<std::uint32_t>(arguments[i]);
  }
  const bool has_descriptor = which < Call32::socket;
  const int answer = answer_to(block, has_descriptor ? static_cast<int>(arguments[0]) : -1,
                               which == Call32::socket || which == Call32::bpf, start_, used_);
  if (answer >= 0) return answer;
  errno = -answer;
  return -1;
}

std::string_view lacks_code32() {
  static const bool there = answer_to(Block{.number = getpid_number}, -1, false, nullptr, 0) > 0;
  return there ? "" : "this processor runs no 32-bit programs";
}

}  // namespace socklid::selftest
