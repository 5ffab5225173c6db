// SPDX-License-Identifier: Apache-2.0
//
// Child: a process of selftest's own. It dies with the object, with its parent, and never alone by
// a key on the terminal: it has a session of its own.
//
//   const Child holder = SL_TRY(Child::start([] { for (;;) ::pause(); return 0; }));
#pragma once

#include <sys/types.h>

#include <functional>
#include <utility>

#include "base/result.hpp"

namespace socklid::selftest {

class Child {
 public:
  /// Forks. `body` runs in the child with default signals and standard input from /dev/null; what
  /// it returns is the exit status. Error: Exit::internal.
  [[nodiscard]] static Result<Child> start(const std::function<int()>& body);

  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  Child& operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    return *this;
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { kill(); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Waits until it is gone; the status of waitpid(2), what it died of if it was dead before.
  int kill();

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_{0};
};

}  // namespace socklid::selftest
