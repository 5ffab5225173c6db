// SPDX-License-Identifier: Apache-2.0
#include "system/lock.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include <algorithm>

#include "system/files.hpp"

namespace socklid {
namespace {

std::int64_t monotonic_milliseconds() {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

/// While it lives, blocking calls end with EINTR after `milliseconds`, and again every 20: an
/// alarm that comes just before the call begins is not the last one.
class Alarm {
 public:
  explicit Alarm(std::int64_t milliseconds) {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // no SA_RESTART
    ::sigemptyset(&action.sa_mask);
    (void)::sigaction(SIGALRM, &action, &before_);
    itimerval timer{};
    timer.it_interval.tv_usec = 20'000;
    timer.it_value.tv_sec = milliseconds / 1000;
    timer.it_value.tv_usec = std::max<std::int64_t>(milliseconds % 1000, 1) * 1000;
    (void)::setitimer(ITIMER_REAL, &timer, nullptr);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() {
    const itimerval off{};
    (void)::setitimer(ITIMER_REAL, &off, nullptr);
    (void)::sigaction(SIGALRM, &before_, nullptr);
  }

 private:
  struct sigaction before_ {};
};

Result<UniqueFd> open_lock(const Paths& paths) {
  while (true) {
    const UniqueFd directory = SL_TRY(make_directory(paths.run));
    UniqueFd file(
        ::openat(directory.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file) return file;
    // The directory was removed since: nothing can be made in it.
    if (errno != ENOENT) return fail_errno(Exit::store, "open " + paths.run + "/lock");
  }
}

/// Whether the open file is the one that others find under its name.
bool is_lock(int file, const Paths& paths) {
  struct stat mine {};
  struct stat named {};
  return ::fstat(file, &mine) == 0 && ::stat((paths.run + "/lock").c_str(), &named) == 0 &&
         mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

}  // namespace

Deadline Deadline::after_seconds(std::int64_t seconds) {
  return after_milliseconds(seconds * 1000);
}

Deadline Deadline::after_milliseconds(std::int64_t milliseconds) {
  return Deadline(monotonic_milliseconds() + milliseconds);
}

std::int64_t Deadline::milliseconds_left() const {
  return std::max<std::int64_t>(end_ - monotonic_milliseconds(), 0);
}

Result<> Deadline::check() const {
  if (milliseconds_left() > 0) return {};
  return fail(Exit::busy,
              "out of time: the node is too busy, and the runtime is about to stop us; "
              "start the container again");
}

Result<> lock_file(int file, const std::string& name, const Deadline& deadline) {
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return {};
  const Alarm alarm(deadline.milliseconds_left());
  while (::flock(file, LOCK_EX) != 0) {
    if (errno != EINTR) return fail_errno(Exit::store, "lock " + name);
    if (deadline.milliseconds_left() == 0) {
      return fail(Exit::busy, "another run of socklid has held ", name,
                  " for too long; start the container again, and see "
                  "`fuser ",
                  name, "` if it happens again");
    }
  }
  return {};
}

Result<NodeLock> NodeLock::acquire(const Paths& paths, const Deadline& deadline) {
  while (true) {
    UniqueFd file = SL_TRY(open_lock(paths));
    SL_CHECK(lock_file(file.get(), paths.run + "/lock", deadline));
    // Who held it may have removed it with all of socklid (`socklid unload --purge`).
    if (is_lock(file.get(), paths)) return NodeLock(std::move(file));
    SL_CHECK(deadline.check());
  }
}

}  // namespace socklid
