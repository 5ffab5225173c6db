// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/cgroup_fixture.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace socklid::test {
namespace {

const std::string top = "/sys/fs/cgroup/socklid_test";

[[noreturn]] void give_up(const std::string& what) {
  std::perror(what.c_str());
  std::abort();
}

}  // namespace

TestCgroup::TestCgroup(const std::string& name) : path_(top + "/" + name) {
  ::mkdir(top.c_str(), 0755);
  make();
}

TestCgroup::TestCgroup(const std::string& name, const TestCgroup& parent)
    : path_(parent.path() + "/" + name) {
  make();
}

void TestCgroup::make() {
  if (::mkdir(path_.c_str(), 0755) != 0 && errno != EEXIST) give_up(path_);
  fd_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (!fd_ || ::fstat(fd_.get(), &status) != 0) give_up(path_);
  id_ = status.st_ino;
}

TestCgroup::~TestCgroup() {
  ::rmdir(path_.c_str());
  ::rmdir(top.c_str());
}

void TestCgroup::join() const {
  const UniqueFd procs(::open((path_ + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs || ::write(procs.get(), "0", 1) != 1) give_up("join " + path_);
}

int TestCgroup::run(const std::function<int()>& body) const {
  const pid_t child = ::fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    join();
    ::_exit(body());
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) give_up("the child in " + path_);
  return WEXITSTATUS(status);
}

}  // namespace socklid::test
