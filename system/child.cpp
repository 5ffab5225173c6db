// SPDX-License-Identifier: Apache-2.0
#include "system/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace socklid {
namespace {

/// What the child does, with the end of a pipe that takes the message.
using Work = std::function<Result<>(int writer)>;

/// The exit status is the result's, the message goes through the pipe. Never returns.
[[noreturn]] void be_child(pid_t parent, const UniqueFd& writer, const Work& work) {
  // Whoever dies before this line has left us to another parent.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) {
    ::_exit(static_cast<int>(Exit::internal));
  }
  const Result<> done = work(writer.get());
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

struct Ended {
  int status{0};  ///< as of waitpid(2)
  std::string message;
};

Result<Ended> run(const Work& work, const std::optional<Deadline>& deadline) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(Exit::internal, "make a pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  // Whoever ignores it, as our parent may have done for us, has no child to wait for (waitpid(2)).
  (void)::signal(SIGCHLD, SIG_DFL);
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
  Ended ended{.status = 0, .message = *message};
  while (::waitpid(child, &ended.status, 0) < 0) {
    if (errno != EINTR) return fail_errno(Exit::internal, "wait for the child");
  }
  return ended;
}

/// Shells and the loader of shared libraries end with others.
bool is_ours(int exit) {
  return exit >= static_cast<int>(Exit::internal) && exit <= static_cast<int>(Exit::busy);
}

}  // namespace

Result<> in_child(const std::function<Result<>()>& work, const std::optional<Deadline>& deadline) {
  const Ended ended = SL_TRY(run([&work](int /*writer*/) { return work(); }, deadline));
  const bool exited = WIFEXITED(ended.status);
  if (exited && WEXITSTATUS(ended.status) == 0) return {};
  if (!exited || ended.message.empty()) {
    return fail(Exit::internal, "the child that does the work died");
  }
  return fail(static_cast<Exit>(WEXITSTATUS(ended.status)), ended.message);
}

Result<> in_program(const std::string& path, std::initializer_list<std::string_view> arguments) {
  std::vector<std::string> words{path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const auto become = [&](int writer) -> Result<> {
    if (::dup2(writer, STDOUT_FILENO) < 0 || ::dup2(writer, STDERR_FILENO) < 0) {
      return fail_errno(Exit::internal, "dup2");
    }
    std::array<char*, 1> environment{nullptr};
    ::execve(path.c_str(), pointers.data(), environment.data());
    return fail_errno(Exit::internal,
                      "start " + path + ", which belongs to socklid: install it again");
  };
  const Ended ended = SL_TRY(run(become, std::nullopt));
  const bool exited = WIFEXITED(ended.status);
  const int exit = exited ? WEXITSTATUS(ended.status) : 0;
  if (exited && exit == 0) return {};
  if (is_ours(exit) && !ended.message.empty()) return fail(static_cast<Exit>(exit), ended.message);
  return fail(Exit::internal, path, " did not run: ",
              exited ? "" : concat("signal ", std::to_string(WTERMSIG(ended.status)), " "),
              ended.message);
}

Result<std::string> path_beside(std::string_view program) {
  std::array<char, 4096> buffer{};
  const ssize_t length = ::readlink("/proc/self/exe", buffer.data(), buffer.size());
  if (length < 0) return fail_errno(Exit::internal, "read /proc/self/exe");
  // What the kernel appends to a replaced file's name has no slash.
  const std::string path(buffer.data(), static_cast<std::size_t>(length));
  return path.substr(0, path.rfind('/') + 1).append(program);
}

}  // namespace socklid
