// SPDX-License-Identifier: Apache-2.0
//
// A hold of another process, which may do more: whoever has one acts as that process.
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "selftest/rows/subject/subject.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/inside/files.hpp"
#include "selftest/ways/inside/outcome_pipe.hpp"
#include "selftest/ways/inside/program.hpp"

namespace socklid::selftest {
namespace {

/// The descriptor by which the other process sends the address of its word.
constexpr int address_fd = 50;

volatile std::uint64_t word = 1;

Outcome stay(const Scene& /*scene*/) {
  const auto address = reinterpret_cast<std::uint64_t>(&word);  // NOLINT
  if (::write(address_fd, &address, sizeof(address)) != sizeof(address)) return failed("tell");
  for (;;) ::pause();
}

/// caged does it to a process of other's.
template <Act act>
Outcome held(const Scene& scene) {
  std::optional<Pipe> pipe = open_pipe();
  if (!pipe) return failed("pipe");
  Scene with_other = scene;
  with_other.other = ::fork();
  if (with_other.other < 0) return failed("fork");
  if (with_other.other == 0) {
    ::dup2(pipe->write_end.get(), address_fd);
    (void)become("/bin/other", stay, scene);
    ::_exit(1);
  }
  pipe->write_end.reset();
  Outcome outcome = failed("start another program");
  if (::read(pipe->read_end.get(), &with_other.address, sizeof(with_other.address)) ==
      sizeof(with_other.address)) {
    outcome = in_program("/bin/caged", act, with_other);
  }
  ::kill(with_other.other, SIGKILL);
  ::waitpid(with_other.other, nullptr, 0);
  return outcome;
}

Outcome seize(const Scene& scene) {
  return done("PTRACE_SEIZE", ::ptrace(PTRACE_SEIZE, scene.other, nullptr, nullptr));
}

Outcome attach(const Scene& scene) {
  return done("PTRACE_ATTACH", ::ptrace(PTRACE_ATTACH, scene.other, nullptr, nullptr));
}

Outcome write_memory(const Scene& scene) {
  std::uint64_t value = 2;
  const iovec own{&value, sizeof(value)};
  const iovec there{reinterpret_cast<void*>(scene.address), sizeof(value)};  // NOLINT
  return done("process_vm_writev", ::process_vm_writev(scene.other, &own, 1, &there, 1, 0));
}

Outcome read_memory(const Scene& scene) {
  std::uint64_t value = 0;
  const iovec own{&value, sizeof(value)};
  const iovec there{reinterpret_cast<void*>(scene.address), sizeof(value)};  // NOLINT
  return done("process_vm_readv", ::process_vm_readv(scene.other, &own, 1, &there, 1, 0));
}

std::string below_proc(pid_t process, std::string_view name) {
  return "/proc/" + std::to_string(process) + "/" + std::string(name);
}

Outcome write_memory_file(const Scene& scene) {
  const std::string path = below_proc(scene.other, "mem");
  const UniqueFd memory(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!memory) return failed("open mem");
  const std::uint64_t value = 2;
  return done("write mem",
              ::pwrite(memory.get(), &value, sizeof(value), static_cast<off_t>(scene.address)));
}

Outcome take_from(pid_t process, int fd) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!pidfd) return failed("pidfd_open");
  const UniqueFd taken(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0)));
  return done("pidfd_getfd", taken.get());
}

Outcome take_descriptor(const Scene& scene) {
  return take_from(scene.other, address_fd);
}

Outcome open_descriptor(const Scene& scene) {
  const std::string path = below_proc(scene.other, "fd/" + std::to_string(address_fd));
  const UniqueFd opened(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return done("open fd", opened.get());
}

/// Any of them: mostly the program itself.
Outcome open_mapped(const Scene& scene) {
  const std::string directory = below_proc(scene.other, "map_files");
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const UniqueFd opened(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    return done("open map_files", opened.get());
  }
  errno = error ? error.value() : ENOENT;
  return failed("list map_files");
}

Outcome take_from_outside(const Scene& scene) {
  const HeldSocket socket = hold(scene, Lent::udp);
  if (socket.fd < 0) return failed("hold");
  return take_from(socket.pid, socket.fd);
}

Outcome offer(const Scene& /*scene*/) {
  return done("PTRACE_TRACEME", ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
}

/// The child is another program than third, and free: third has no level.
Outcome child_offers(const Scene& scene) {
  return in_program("/bin/other", offer, scene);
}

Row hold_row(std::string_view name, Act attempt) {
  return subject_row(name, attempt, Guard::trace, Proof::done);
}

Row offer_row() {
  Row row = hold_row("a hold of a freed child: PTRACE_TRACEME", [](const Scene& scene) {
    return in_program("/bin/third", child_offers, scene);
  });
  row.annotations = {
      "io.socklid.subject.third=/bin/third connect=tcp/4747@10.231.7.9 inherit=none"};
  return row;
}

}  // namespace

std::vector<Row> subject_hold() {
  return {
      hold_row("a hold of another program: PTRACE_SEIZE", held<seize>),
      hold_row("a hold of another program: PTRACE_ATTACH", held<attach>),
      hold_row("a hold of another program: process_vm_writev", held<write_memory>),
      hold_row("a hold of another program: process_vm_readv", held<read_memory>),
      hold_row("a hold of another program: its memory by /proc", held<write_memory_file>),
      hold_row("a hold of another program: pidfd_getfd", held<take_descriptor>),
      hold_row("a hold of another program: what it has open, by /proc", held<open_descriptor>),
      hold_row("a hold of another program: what it has mapped, by /proc", held<open_mapped>),
      hold_row(
          "a hold of a process outside: pidfd_getfd",
          [](const Scene& scene) { return in_program("/bin/caged", take_from_outside, scene); }),
      offer_row(),
  };
}

}  // namespace socklid::selftest
