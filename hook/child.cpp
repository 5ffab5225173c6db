// SPDX-License-Identifier: Apache-2.0
#include "hook/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "base/unique_fd.hpp"

namespace socklid {
namespace {

/// The exit status is the result's, the message goes through the pipe. Never returns.
[[noreturn]] void be_child(pid_t parent, const UniqueFd& writer,
                           const std::function<Result<>()>& work) {
  // Whoever dies before this line has left us to another parent.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) {
    ::_exit(static_cast<int>(Exit::internal));
  }
  const Result<> done = work();
  if (done) ::_exit(0);
  const std::string& message = done.error().message;
  const ssize_t written = ::write(writer.get(), message.data(), message.size());
  ::_exit(static_cast<int>(written < 0 ? Exit::internal : done.error().exit));
}

/// Whether something is to be read, if only the end, before the deadline.
bool wait_for(const UniqueFd& reader, const std::optional<Deadline>& deadline) {
  pollfd waiting{reader.get(), POLLIN, 0};
  while (true) {
    const int left = deadline ? static_cast<int>(deadline->milliseconds_left()) : -1;
    const int ready = ::poll(&waiting, 1, left);
    if (ready < 0 && errno == EINTR) continue;
    return ready != 0;
  }
}

/// Nothing if the deadline passes.
std::optional<std::string> read_all(const UniqueFd& reader,
                                    const std::optional<Deadline>& deadline) {
  std::string text;
  std::array<char, 512> buffer{};
  while (wait_for(reader, deadline)) {
    const ssize_t count = ::read(reader.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return std::nullopt;
}

}  // namespace

Result<> in_child(const std::function<Result<>()>& work, const std::optional<Deadline>& deadline) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(Exit::internal, "make a pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail_errno(Exit::internal, "fork");
  if (child == 0) be_child(parent, writer, work);
  writer.reset();
  const auto message = read_all(reader, deadline);
  if (!message) {
    (void)::kill(child, SIGKILL);
    return fail(Exit::busy, "it took too long, and was given up");
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return fail_errno(Exit::internal, "wait for the child");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (!WIFEXITED(status) || message->empty()) {
    return fail(Exit::internal, "the child that does the work died");
  }
  return fail(static_cast<Exit>(WEXITSTATUS(status)), *message);
}

}  // namespace socklid
