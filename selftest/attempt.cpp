// SPDX-License-Identifier: Apache-2.0
#include "selftest/attempt.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "selftest/arena/cgroup_tree.hpp"
#include "selftest/arena/interrupt.hpp"

namespace socklid::selftest {
namespace {

/// What a process says of its attempt.
struct Report {
  int error{0};
  std::array<char, 124> step{};  ///< ends with a zero
};

constexpr int control_fd = 3, broker_fd = 4;

/// Nothing of ours stays open: a descriptor of the host's would be a way out that no container has.
bool keep_only(int control, int broker) {
  const UniqueFd high_control(::fcntl(control, F_DUPFD_CLOEXEC, broker_fd + 1));
  const UniqueFd high_broker(::fcntl(broker, F_DUPFD_CLOEXEC, broker_fd + 1));
  return ::dup3(high_control.get(), control_fd, O_CLOEXEC) == control_fd &&
         ::dup3(high_broker.get(), broker_fd, O_CLOEXEC) == broker_fd &&
         ::syscall(SYS_close_range, broker_fd + 1, ~0U, 0) == 0;
}

/// Mounts made in an attempt stay in it, but where the container's files are its own.
bool change_mounts(const std::optional<Root>& root) {
  if (root) return ::setns(root->mounts(), CLONE_NEWNS) == 0 && root->fill();
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

/// The container's namespaces, as far as they matter, and last its cgroup: from then on the policy
/// holds.
bool go_inside(const NetnsRef& netns, const std::optional<Root>& root, int procs) {
  return ::setns(netns.fd.get(), CLONE_NEWNET) == 0 && change_mounts(root) &&
         ::write(procs, "0", 1) == 1;
}

Report report_of(const Outcome& outcome) {
  Report report{.error = outcome.error};
  std::copy_n(outcome.step.begin(), std::min(outcome.step.size(), report.step.size() - 1),
              report.step.begin());
  return report;
}

/// Answers every question whether the token has come, until nobody asks any more.
void answer_questions(const Scene& scene, int held) {
  char question = 0;
  while (::recv(control_fd, &question, 1, 0) == 1) {
    std::array<char, 2048> data{};
    const ssize_t size = ::recv(held, data.data(), data.size(), MSG_DONTWAIT);
    const std::string_view got(data.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
    const std::string_view token(scene.token.data(), scene.token.size());
    const char yes = got.find(token) == std::string_view::npos ? 'n' : 'y';
    if (::send(control_fd, &yes, 1, MSG_NOSIGNAL) != 1) return;
  }
}

int carry_out(const Arena& arena, int procs, int control, const Row& row, Scene scene) {
  Report report{.error = 0, .step = {}};
  Outcome outcome;
  std::signal(SIGPIPE, SIG_IGN);
  if (!go_inside(arena.network().inside, arena.root(), procs) ||
      !keep_only(control, scene.broker)) {
    outcome = failed("enter the container");
  } else {
    scene.broker = broker_fd;
    outcome = row.attempt(scene);
    control = control_fd;
  }
  report = report_of(outcome);
  if (::send(control, &report, sizeof(report), MSG_NOSIGNAL) != sizeof(report)) return 1;
  answer_questions(scene, outcome.held.get());
  return 0;
}

}  // namespace

std::string to_string(const Ending& ending) {
  if (ending.error == 0) return ending.step;
  return ending.step + ": " + std::strerror(ending.error);
}

Result<Attempt> Attempt::start(const Arena& arena, const Row& row, const Scene& scene) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_errno(Exit::internal, "a way to the attempt");
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const UniqueFd procs = SL_TRY(open_procs(arena.cgroup()));
  Child child = SL_TRY(Child::start([&] {
    ours.reset();
    return carry_out(arena, procs.get(), theirs.get(), row, scene);
  }));
  return Attempt(std::move(child), std::move(ours));
}

Result<Ending> Attempt::wait() {
  const bool ready = SL_TRY(wait_readable(control_.get()));
  Report report;
  if (ready && ::recv(control_.get(), &report, sizeof(report), 0) == sizeof(report)) {
    return Ending{.step = report.step.data(), .error = report.error};
  }
  const int status = child_.kill();
  if (ready && WIFSIGNALED(status)) {
    return Ending{.step = "signal " + std::to_string(WTERMSIG(status)), .error = 0};
  }
  return Ending{.step = "no answer", .error = 0};
}

Result<bool> Attempt::has_received() {
  char answer = 'n';
  if (::send(control_.get(), "r", 1, MSG_NOSIGNAL) != 1) return false;
  if (!SL_TRY(wait_readable(control_.get()))) {
    return fail(Exit::internal, "the attempt does not say what it has received");
  }
  return ::recv(control_.get(), &answer, 1, 0) == 1 && answer == 'y';
}

}  // namespace socklid::selftest
