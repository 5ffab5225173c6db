// SPDX-License-Identifier: Apache-2.0
#include "hook/root_cgroup.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/unique_fd.hpp"
#include "hook/log.hpp"

namespace socklid {
namespace {

Result<> move_to(const std::string& cgroup) {
  const std::string path = cgroup + "/cgroup.procs";
  const UniqueFd procs(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs) return fail_errno(Exit::cgroup, "open " + path);
  if (::write(procs.get(), "0", 1) != 1) return fail_errno(Exit::cgroup, "write to " + path);
  return {};
}

/// The exit status is the result's, the message goes through the pipe. Never returns.
[[noreturn]] void be_child(pid_t parent, const UniqueFd& writer, const std::string& cgroup,
                           const std::function<Result<>()>& work) {
  // Whoever dies before this line has left us to another parent.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) {
    ::_exit(static_cast<int>(Exit::internal));
  }
  if (const auto moved = move_to(cgroup); !moved) {
    log_warning("the maps of all containers count against this cgroup's memory: " +
                moved.error().message);
  }
  const Result<> done = work();
  if (done) ::_exit(0);
  const std::string& message = done.error().message;
  const ssize_t written = ::write(writer.get(), message.data(), message.size());
  ::_exit(static_cast<int>(written < 0 ? Exit::internal : done.error().exit));
}

std::string read_all(const UniqueFd& reader) {
  std::string text;
  std::array<char, 512> buffer{};
  while (true) {
    const ssize_t count = ::read(reader.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

Result<> in_root_cgroup(const std::string& cgroup_mount, const std::function<Result<>()>& work) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(Exit::internal, "make a pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail_errno(Exit::internal, "fork");
  if (child == 0) be_child(parent, writer, cgroup_mount, work);
  writer.reset();
  std::string message = read_all(reader);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return fail_errno(Exit::internal, "wait for the child that loads");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (!WIFEXITED(status) || message.empty()) {
    return fail(Exit::internal, "the child that loads the programs died");
  }
  return fail(static_cast<Exit>(WEXITSTATUS(status)), std::move(message));
}

}  // namespace socklid
