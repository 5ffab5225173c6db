// SPDX-License-Identifier: Apache-2.0
//
// Another cgroup: a policy holds for the container's and those below, so each attempt leaves it and
// sends. A cgroup.procs that somebody outside has opened and handed in is not tried: he could as
// well move the task himself.
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <thread>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/hierarchy.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

// Ways to write "0", which stands for who writes, into cgroup.procs -----------------------------

using Writer = bool (*)(int procs);

bool plainly(int procs) {
  return ::write(procs, "0", 1) == 1;
}

bool by_splice(int procs) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  const UniqueFd out(ends[0]), in(ends[1]);
  return plainly(in.get()) && ::splice(out.get(), nullptr, procs, nullptr, 1, 0) == 1;
}

bool by_ring(int procs) {
  Ring ring;
  if (!ring) return false;
  io_uring_sqe request{};
  request.opcode = IORING_OP_WRITE;
  request.fd = procs;
  request.addr = reinterpret_cast<std::uintptr_t>("0");  // NOLINT
  request.len = 1;
  return ring.run(request) == 1;
}

template <Writer write>
Outcome join(const Scene& scene, int directory) {
  if (directory < 0) return failed("open the cgroup");
  const UniqueFd procs(::openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (!procs) return failed("open cgroup.procs");
  if (!write(procs.get())) return failed("write cgroup.procs");
  return send_to_target(scene);
}

template <Writer write>
Outcome join_root(const Scene& scene) {
  const UniqueFd root = private_mount("cgroup2");
  return join<write>(scene, root.get());
}

template <Lent what>
Outcome join_lent(const Scene& scene) {
  const UniqueFd directory = borrow(scene, what);
  return join<plainly>(scene, directory.get());
}

Outcome join_root_in_user_namespace(const Scene& scene) {
  const UniqueFd root = private_mount("cgroup2");
  const UniqueFd procs(::openat(root.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (!procs) return failed("open cgroup.procs");
  if (::unshare(CLONE_NEWUSER) != 0) return failed("unshare");
  if (!plainly(procs.get())) return failed("write cgroup.procs");
  return send_to_target(scene);
}

// Others than who writes ------------------------------------------------------------------------

/// The parent moves its child, which sends when it is told.
Outcome move_child(const Scene& scene) {
  const UniqueFd root = private_mount("cgroup2");
  const UniqueFd procs(::openat(root.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (!procs) return failed("open cgroup.procs");
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("pipe");
  const UniqueFd wait(ends[0]);
  UniqueFd go(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return failed("fork");
  if (child == 0) {
    go.reset();
    char byte = 0;
    if (::read(wait.get(), &byte, 1) != 1) ::_exit(0);
    ::_exit(send_to_target(scene).error);
  }
  const std::string number = std::to_string(child);
  Outcome outcome;
  if (::write(procs.get(), number.data(), number.size()) < 0) {
    outcome = failed("write cgroup.procs");
  } else if (::write(go.get(), "g", 1) != 1) {
    outcome = failed("write");
  }
  go.reset();
  int status = 0;
  ::waitpid(child, &status, 0);
  if (outcome.step.empty() && status != 0) return {.step = "send", .error = WEXITSTATUS(status)};
  return outcome;
}

Outcome begin_in(const Scene& scene, int directory) {
  if (directory < 0) return failed("open the cgroup");
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<__u64>(directory);
  const auto child = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
  if (child < 0) return failed("clone3");
  if (child == 0) ::_exit(send_to_target(scene).error);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) return {.step = "send", .error = WEXITSTATUS(status)};
  return {};
}

Outcome begin_in_root(const Scene& scene) {
  const UniqueFd root = private_mount("cgroup2");
  const UniqueFd path(::openat(root.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return begin_in(scene, path.get());
}

template <Lent what>
Outcome begin_in_lent(const Scene& scene) {
  const UniqueFd directory = borrow(scene, what);
  return begin_in(scene, directory.get());
}

/// Threads can have a cgroup each below the process's, if it says so (cgroups(7), thread mode).
Outcome part_a_thread(const Scene& scene) {
  const UniqueFd root = private_mount("cgroup2");
  const UniqueFd own = own_cgroup(root.get());
  if (!own) return failed("open the cgroup");
  if (::mkdirat(own.get(), "threads", 0755) != 0) return failed("make a cgroup");
  const UniqueFd type(::openat(own.get(), "threads/cgroup.type", O_WRONLY | O_CLOEXEC));
  const UniqueFd into(::openat(own.get(), "threads/cgroup.threads", O_WRONLY | O_CLOEXEC));
  const UniqueFd back(::openat(own.get(), "cgroup.threads", O_WRONLY | O_CLOEXEC));
  Outcome outcome;
  if (!type || !into || !back || ::write(type.get(), "threaded", 8) != 8) {
    outcome = failed("thread mode");
  } else {
    std::thread([&] {
      outcome = plainly(into.get()) ? send_to_target(scene) : failed("write cgroup.threads");
      if (!plainly(back.get()) && outcome.step.empty()) outcome = failed("write cgroup.threads");
    }).join();
  }
  ::unlinkat(own.get(), "threads", AT_REMOVEDIR);
  return outcome;
}

Row cgroup_row(std::string_view name, Act attempt) {
  return {.name = name, .stops = always(Guard::cgroup), .attempt = attempt};
}

}  // namespace

Rows tamper_cgroup() {
  return {
      cgroup_row("to the root cgroup", join_root<plainly>),
      cgroup_row("to the root cgroup by splice", join_root<by_splice>),
      cgroup_row("to the root cgroup by io_uring", join_root<by_ring>),
      cgroup_row("to the root cgroup from a user namespace", join_root_in_user_namespace),
      cgroup_row("to the root cgroup, moved by a parent", move_child),
      cgroup_row("to the cgroup above, handed in", join_lent<Lent::cgroup_above>),
      cgroup_row("to a cgroup beside, handed in", join_lent<Lent::cgroup_outside>),
      cgroup_row("a child begun in the root cgroup", begin_in_root),
      cgroup_row("a child begun in a cgroup beside, handed in",
                 begin_in_lent<Lent::cgroup_outside>),
      {.name = "UDP from a thread with a cgroup of its own",
       .stops = stops_peer,
       .attempt = part_a_thread},
  };
}

}  // namespace socklid::selftest
