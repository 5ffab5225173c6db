// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/inside/outcome_pipe.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace socklid::selftest {
namespace {

/// An outcome as one write to a pipe, which is whole up to PIPE_BUF.
struct Report {
  int error{0};
  std::array<char, 64> step{};
};

Outcome receive_report(int fd) {
  Report report;
  errno = EPIPE;
  if (::read(fd, &report, sizeof(report)) != sizeof(report)) return failed("report");
  return {.step = report.step.data(), .error = report.error};
}

}  // namespace

std::optional<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void wait_for_end(int fd) {
  char byte = 0;
  while (::read(fd, &byte, 1) > 0 || errno == EINTR) errno = 0;
}

void send_outcome(int fd, const Outcome& outcome) {
  Report report{.error = outcome.error, .step = {}};
  outcome.step.copy(report.step.data(), report.step.size() - 1);
  if (::write(fd, &report, sizeof(report)) != sizeof(report)) ::_exit(1);
}

Outcome fork_and_wait(const std::function<void(int reporter)>& body) {
  std::optional<Pipe> pipe = open_pipe();
  if (!pipe) return failed("pipe");
  const pid_t child = ::fork();
  if (child < 0) return failed("fork");
  if (child == 0) {
    pipe->read_end.reset();
    body(pipe->write_end.get());
    ::_exit(0);
  }
  pipe->write_end.reset();
  Outcome outcome = receive_report(pipe->read_end.get());
  wait_for_end(pipe->read_end.get());
  ::waitpid(child, nullptr, 0);
  return outcome;
}

}  // namespace socklid::selftest
