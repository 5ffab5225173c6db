// SPDX-License-Identifier: Apache-2.0
//
// Whose processes are in a cgroup, and whether one has ended. Fails if a process in a cgroup below
// is not seen, if an end is told of a process that lives, or not of one that has ended or whose
// number is another's.
#include "node/occupants.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>
#include <cstdio>
#include <string>

#include "system/files.hpp"
#include "tests/support/temporary_directory.hpp"

namespace socklid {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr std::string_view line = "42 (a) b) S 17 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n";

TEST(ProcessStat, IsCountedAfterTheName) {
  EXPECT_EQ(parse_parent(line).value(), 17);
  EXPECT_EQ(parse_start_time(line).value(), 4711u);
  for (const char* broken : {"", "42 (a", "42 (a)", "42 (a) S", "42 (a) S x"}) {
    EXPECT_FALSE(parse_parent(broken)) << broken;
    EXPECT_FALSE(parse_start_time(broken)) << broken;
  }
}

class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }
  void kill_and_leave_a_zombie() const {
    ::kill(pid_, SIGKILL);
    siginfo_t ended{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT);
  }
  void end() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
};

std::uint64_t start_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  return parse_start_time(read_file(AT_FDCWD, path, Exit::process).value()).value();
}

TEST(ProcessIsDead, WhenItHasEndedOrTheNumberIsAnothers) {
  Child child;
  const pid_t pid = child.pid();
  const std::uint64_t start = start_of(pid);
  EXPECT_FALSE(process_is_dead(pid, start).value());
  EXPECT_FALSE(process_is_dead(pid, 0).value()) << "not known when it began";
  EXPECT_TRUE(process_is_dead(pid, start + 1).value()) << "the number is another's";
  child.kill_and_leave_a_zombie();
  EXPECT_TRUE(process_is_dead(pid, start).value()) << "a zombie";
  child.end();
  EXPECT_TRUE(process_is_dead(pid, start).value());
  EXPECT_TRUE(process_is_dead(0, 0).value());
  EXPECT_TRUE(process_is_dead(-1, 5).value());
}

class OccupantsTest : public testing::Test {
 protected:
  void put(const std::string& below, const std::string& procs) {
    const std::string directory = path_ + below;
    ::mkdir(directory.c_str(), 0700);
    FILE* const file = std::fopen((directory + "/cgroup.procs").c_str(), "we");
    ASSERT_NE(file, nullptr);
    std::fputs(procs.c_str(), file);
    std::fclose(file);
  }
  CgroupRef cgroup() {
    return {.path = "/x", .fd = UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY)), .id = 1};
  }
  TemporaryDirectory directory_;
  std::string path_ = directory_.path();
};

TEST_F(OccupantsTest, AreThoseOfTheCgroupAndAllBelow) {
  put("", "1\n22\n");
  put("/a", "");
  put("/a/b", "333\n");
  put("/c", "0\n");
  EXPECT_THAT(occupants(cgroup()).value(), UnorderedElementsAre(1, 22, 333, 0));
}

TEST_F(OccupantsTest, CannotBeToldWithoutTheFile) {
  EXPECT_EQ(occupants(cgroup()).error().exit, Exit::cgroup);
}

TEST_F(OccupantsTest, AreNotLookedForAtAnyDepth) {
  std::string below;
  for (int level = 0; level <= 64; ++level) {
    put(below, "7\n");
    below += "/d";
  }
  EXPECT_THAT(occupants(cgroup()).value(), SizeIs(65));
  put(below, "8\n");
  const auto deeper = occupants(cgroup());
  ASSERT_FALSE(deeper);
  EXPECT_EQ(deeper.error().exit, Exit::cgroup);
  EXPECT_THAT(deeper.error().message, HasSubstr("more than 64 deep"));
}

TEST_F(OccupantsTest, AContainerStartsAlone) {
  Child child;
  const ContainerProcess process = ContainerProcess::open(child.pid()).value();
  ContainerState state{
      .id = "web", .status = "creating", .pid = child.pid(), .bundle = {}, .annotations = {}};
  const std::string own = std::to_string(child.pid()) + "\n";
  put("", own);
  EXPECT_TRUE(check_alone(cgroup(), process, state));
  put("/below", "1\n");
  const auto checked = check_alone(cgroup(), process, state);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().exit, Exit::cgroup);
  EXPECT_THAT(checked.error().message, HasSubstr("also holds process 1,"));
  EXPECT_THAT(checked.error().message, HasSubstr("linux.cgroupsPath"));
  put("/below", "0\n");
  EXPECT_FALSE(check_alone(cgroup(), process, state)) << "one outside our PID namespace";
}

/// The hook is a child of runc then, as CRIU and what it restores are: here all are children of
/// this program's parent, or of this program.
TEST_F(OccupantsTest, OnlyARestoreMayBringTheRuntimesOwn) {
  Child child;
  const ContainerProcess process = ContainerProcess::open(child.pid()).value();
  ContainerState state{
      .id = "web", .status = "creating", .pid = child.pid(), .bundle = {}, .annotations = {}};
  put("", std::to_string(child.pid()) + "\n" + std::to_string(::getpid()) + "\n");
  EXPECT_FALSE(check_alone(cgroup(), process, state));
  if (::getppid() > 1) {
    state.status = "stopped";
    EXPECT_TRUE(check_alone(cgroup(), process, state));
  }
  state.status = "stopped";
  put("/below", "1\n");
  EXPECT_FALSE(check_alone(cgroup(), process, state));
}

}  // namespace
}  // namespace socklid
