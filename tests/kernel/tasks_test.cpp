// SPDX-License-Identifier: Apache-2.0
//
// Who is in a network namespace, asked of the kernel. Fails when a process of another container is
// not found, whatever its PID namespace, when one of the host or of the container itself is taken
// for one, when processes are missing or named by other numbers than ours, or when some
// who look at once get each other's answers, or none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>
#include <sys/file.h>

#include "guard/find_netns.hpp"
#include "guard/guard.hpp"
#include "guard/tasks.hpp"
#include "node/inhabitants.hpp"
#include "node/netns.hpp"
#include "system/files.hpp"
#include "system/process.hpp"
#include "tests/kernel/cgroup_fixture.hpp"

namespace socklid::test {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

const std::string mount = "/sys/fs/cgroup";

/// A process that does nothing, in a cgroup and in namespaces of its own, or in another one's
/// network.
class Process {
 public:
  Process(const TestCgroup& cgroup, int namespaces, const NetnsRef* network = nullptr) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    parent_ = ::fork();
    if (parent_ == 0) {
      cgroup.join();
      if (::unshare(namespaces) != 0) ::_exit(1);
      if (network != nullptr && ::setns(network->fd.get(), CLONE_NEWNET) != 0) ::_exit(2);
      // Only a child is in a new PID namespace.
      const pid_t child = ::fork();
      if (child == 0) {
        ::pause();
        ::_exit(0);
      }
      (void)!::write(ends[1], &child, sizeof(child));
      ::pause();
      ::_exit(0);
    }
    if (::read(ends[0], &pid_, sizeof(pid_)) != sizeof(pid_)) std::abort();
    ::close(ends[0]);
    ::close(ends[1]);
    auto process = ContainerProcess::open(pid_);
    if (!process) std::abort();
    auto netns = open_netns(*process);
    if (!netns) std::abort();
    netns_ = std::move(*netns);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    ::kill(pid_, SIGKILL);
    ::kill(parent_, SIGKILL);
    ::waitpid(parent_, nullptr, 0);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] pid_t parent() const { return parent_; }
  [[nodiscard]] const NetnsRef& netns() const { return netns_; }

 private:
  pid_t parent_{0};
  pid_t pid_{0};
  NetnsRef netns_;
};

class Tasks : public testing::Test {
 protected:
  void SetUp() override {
    const auto guard = SocketGuard::open({}, mount);
    ASSERT_TRUE(guard) << guard.error().message;
  }

  static bool others(const Process& process, const TestCgroup& own) {
    return others(process, own, {});
  }
  static bool others(const Process& process, const TestCgroup& own,
                     const std::vector<std::uint64_t>& known) {
    const auto found = processes_outside(process.netns().inode, own.id());
    EXPECT_TRUE(found) << found.error().message;
    return found && has_a_container({.root = "/", .point = mount}, known, *found).value_or(true);
  }

  TestCgroup own_{"own"};
  TestCgroup inner_{"inner", own_};
  TestCgroup elsewhere_{"elsewhere"};
  TestCgroup container_{"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
};

TEST_F(Tasks, OfAnotherContainerAreInACgroupThatBearsAnIdOrIsOnRecord) {
  const Process mine(inner_, CLONE_NEWNET | CLONE_NEWPID);
  EXPECT_FALSE(others(mine, own_)) << "it is the container's own, below its cgroup";
  const Process guest(elsewhere_, CLONE_NEWPID, &mine.netns());
  EXPECT_FALSE(others(mine, own_)) << "a process of the host, in whatever PID namespace";
  EXPECT_TRUE(others(mine, own_, {elsewhere_.id()})) << "it is on record";
  const Process neighbour(container_, CLONE_NEWIPC, &mine.netns());
  EXPECT_TRUE(others(mine, own_)) << "one with the host's PID namespace, too";
}

TEST_F(Tasks, OfAnotherContainerAreKnownWhateverItCallsItsCgroups) {
  const Process mine(own_, CLONE_NEWNET);
  TestCgroup gone_by_name("x (deleted)", container_);
  const Process neighbour(gone_by_name, CLONE_NEWIPC, &mine.netns());
  EXPECT_TRUE(others(mine, own_));
}

TEST_F(Tasks, ThatHaveEndedMayHaveLeftOthers) {
  const CgroupMount where{.root = "/", .point = mount};
  const pid_t ended = ::fork();
  if (ended == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(ended, nullptr, 0), ended);
  EXPECT_EQ(has_a_container(where, {}, {::getpid(), ended}), std::nullopt);
  EXPECT_EQ(has_a_container(where, {}, {::getpid()}), false);
}

TEST_F(Tasks, AreNamedByOurNumbers) {
  const Process first(own_, CLONE_NEWNET);
  const Process second(elsewhere_, CLONE_NEWPID, &first.netns());
  const auto found = processes_in(first.netns().inode);
  ASSERT_TRUE(found && *found) << found.error().message;
  EXPECT_THAT(**found,
              UnorderedElementsAre(first.parent(), first.pid(), second.parent(), second.pid()));
  const auto none = processes_in(1);
  ASSERT_TRUE(none && *none);
  EXPECT_THAT(**none, ElementsAre());
}

TEST_F(Tasks, LeadToTheirNamespace) {
  const Process process(own_, CLONE_NEWNET);
  const auto found = find_netns(process.netns().inode);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->inode, process.netns().inode);
  EXPECT_FALSE(find_netns(1)->has_value());
}

/// Looks for the two processes of `process`; the exit status of a child.
int look(const Process& process) {
  for (int i = 0; i < 20; i++) {
    const auto found = processes_in(process.netns().inode);
    if (!found) return found.error().exit == Exit::busy ? 4 : 1;
    if ((*found)->size() != 2) return 2;
    for (const pid_t pid : **found) {
      if (pid != process.pid() && pid != process.parent()) return 3;
    }
  }
  return 0;
}

TEST_F(Tasks, AreToldApartForThoseWhoLookAtOnceAndEachHasAnAnswer) {
  const Process first(own_, CLONE_NEWNET);
  const Process second(elsewhere_, CLONE_NEWNET);
  std::vector<pid_t> children;
  for (int i = 0; i < 6; i++) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(look(i % 2 == 0 ? first : second));
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
}

/// Without it each look of many at once spoils another's, until they give up.
TEST_F(Tasks, AreLookedAtByOneAfterTheOther) {
  const Process process(own_, CLONE_NEWNET);
  const std::string build = "/sys/fs/bpf/socklid/programs/" + std::string(object_hash());
  UniqueFd lock(::open(build.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX | LOCK_NB), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    lock.reset();
    ::_exit(look(process));
  }
  const std::string waiter = " " + std::to_string(child) + " ";
  std::string locks;
  while (locks.find(waiter) == std::string::npos) {
    ASSERT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "it did not wait";
    locks = read_file(AT_FDCWD, "/proc/locks", Exit::process).value();
    ::usleep(10'000);
  }
  ::flock(lock.get(), LOCK_UN);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Tasks, AreUnknownWhereNothingIsLoaded) {
  ASSERT_TRUE(SocketGuard::unload(object_hash(), mount));
  const auto found = processes_in(1);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->has_value());
  EXPECT_FALSE(processes_outside(1, own_.id()));
  const Process process(own_, CLONE_NEWNET);
  const auto walked = find_netns(process.netns().inode);
  ASSERT_TRUE(walked && *walked);
}

}  // namespace
}  // namespace socklid::test
