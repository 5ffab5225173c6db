// SPDX-License-Identifier: Apache-2.0
//
// What runs in a subject stays in it: children, threads, other programs, the kernel's workers.
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "selftest/rows/subject/subject.hpp"
#include "selftest/ways/inside/program.hpp"
#include "selftest/ways/sockets.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

constexpr std::string_view third = "/bin/third";

Outcome by_vfork(const Scene& scene) {
  Launch launch(bin_other, reach_target, scene);
  char* const* const arguments = launch.arguments();
  const char* const path = launch.path();
  const pid_t child = ::vfork();  // NOLINT: that is what is tried
  if (child < 0) return failed("vfork");
  if (child == 0) {
    ::execve(path, arguments, environ);
    ::_exit(1);
  }
  ::waitpid(child, nullptr, 0);
  return {};
}

/// CLONE_PARENT: the child is no child of the subject's.
Outcome by_clone(const Scene& scene) {
  clone_args arguments{};
  arguments.flags = CLONE_PARENT;
  const long child = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (child < 0) return failed("clone3");
  if (child == 0) {
    (void)as_other(scene);
    ::_exit(1);
  }
  ::_exit(0);  // the child's is the outcome
}

Outcome from_memory(const Scene& scene) {
  const UniqueFd from(::open(in_root(scene, bin_other).c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd memory(::memfd_create("program", MFD_CLOEXEC));
  struct stat status {};
  if (::fstat(from.get(), &status) != 0) return failed("stat");
  for (off_t left = status.st_size; left > 0;) {
    const ssize_t copied = ::sendfile(memory.get(), from.get(), nullptr, static_cast<size_t>(left));
    if (copied <= 0) return failed("copy");
    left -= copied;
  }
  Launch(bin_other, reach_target, scene).exec_at(memory.get());
  return failed("execveat");
}

Outcome exec_itself(const Scene& scene) {
  Launch launch(bin_other, reach_target, scene);
  ::execve("/proc/self/exe", launch.arguments(), environ);
  return failed("execve");
}

/// An exec that has come as far as the subject's end, and no further.
Outcome after_failed_exec(const Scene& scene) {
  for (int i = 0; i < 3; i++) {
    Outcome broken = become("/bin/broken", reach_target, scene);
    if (broken.error != ENOEXEC) return broken;
  }
  return reach_target(scene);
}

Outcome ring_connect(const Scene& scene, std::uint32_t flags, std::uint8_t sqe_flags) {
  Ring ring(flags);
  if (!ring) return failed("io_uring_setup");
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  io_uring_sqe request = connect_request(fd.get(), scene.target);
  request.flags |= sqe_flags;
  if (ring.run(request) < 0) return failed("connect");
  return {};
}

Outcome by_ring(const Scene& scene) {
  return ring_connect(scene, 0, 0);
}
Outcome by_rings_worker(const Scene& scene) {
  return ring_connect(scene, 0, IOSQE_ASYNC);
}
Outcome by_rings_thread(const Scene& scene) {
  return ring_connect(scene, IORING_SETUP_SQPOLL, 0);
}

// Levels: third has one.

Outcome third_again(const Scene& scene) {
  return become(third, as_other, scene);
}
Outcome third_twice(const Scene& scene) {
  return become(third, third_again, scene);
}
Outcome other_again(const Scene& scene) {
  return become(bin_other, as_other, scene);
}

template <Act act>
Outcome levelled(const Scene& scene) {
  return in_program(third, act, scene);
}

}  // namespace

std::vector<Row> subject_task() {
  return {
      caged_row("in a subject: fork", in_caged<done_in<in_child>>),
      caged_row("in a subject: an orphan in its own session", in_caged<done_in<in_daemon>>),
      caged_row("in a subject: a thread", in_caged<done_in<in_thread>>),
      caged_row("in a subject: vfork and exec", in_caged<by_vfork>),
      caged_row("in a subject: clone3, its parent's child", in_caged<by_clone>),
      caged_row("in a subject: in a nested cgroup", in_caged<done_in<in_nested_cgroup>>),
      caged_row("in a subject: as nobody", in_caged<done_in<as_nobody>>),
      caged_row("in a subject: in a user namespace", in_caged<done_in<in_user_namespace>>),
      caged_row("in a subject: exec of another program", in_caged<as_other>),
      caged_row("in a subject: exec of another program by a thread",
                in_caged<done_in<in_thread, as_other>>),
      caged_row("in a subject: exec of a program in memory", in_caged<from_memory>),
      caged_row("in a subject: exec of itself by /proc/self/exe", in_caged<exec_itself>),
      caged_row("in a subject: an exec that fails", in_caged<after_failed_exec>),
      caged_row("in a subject: io_uring", in_caged<by_ring>),
      caged_row("in a subject: io_uring's worker", in_caged<by_rings_worker>),
      caged_row("in a subject: io_uring's own thread", in_caged<by_rings_thread>),
      caged_row("on a level of a subject: exec of another program", levelled<as_other>),
      caged_row("on a level of a subject: exec of itself", levelled<third_twice>),
      caged_row("on a level of a subject: exec of the same program again", levelled<other_again>),
      caged_row("on a level of a subject: an exec that fails", levelled<after_failed_exec>),
  };
}

}  // namespace socklid::selftest
