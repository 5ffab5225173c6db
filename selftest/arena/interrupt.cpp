// SPDX-License-Identifier: Apache-2.0
#include "selftest/arena/interrupt.hpp"

#include <poll.h>

#include <csignal>

namespace socklid::selftest {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void remember(int /*signal*/) {
  interrupted = 1;
}

}  // namespace

Result<bool> wait_readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  const int ready = ::poll(&entry, 1, deadline_seconds * 1000);
  SL_CHECK(check_interrupted());
  return ready == 1;
}

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;  // poll(2) returns all the same
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

Result<> check_interrupted() {
  if (interrupted == 0) return {};
  return fail(Exit::busy, "interrupted");
}

}  // namespace socklid::selftest
