// SPDX-License-Identifier: Apache-2.0
//
// Subjects as the programs hold them, on a bare cgroup. Fails when a program is not recognised by
// one of its names, when a task leaves its subjects by another way than a level's end, when a task
// of which nothing is known is let through, when a fork or an exec that failed changes something,
// and when a subject has a hold of a task that may do more.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/kernel/subjects/subject_fixture.hpp"
#include "tests/kernel/subjects/subject_maps.hpp"
#include "tests/support/level.hpp"

namespace socklid::test {
namespace {

const annotations::Annotations no_sockets{{"io.socklid.create", "deny"}};

void write_script(const std::string& path, const std::string& interpreter) {
  std::ofstream(path) << "#!" << interpreter << "\n";
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
}

/// A container in which `caged` is a subject's program, and `other` is none.
class Subjects : public testing::Test {
 protected:
  SubjectContainer container{"subjects"};
  const std::string caged = container.root() + "/bin/caged";
  const std::string other = container.root() + "/bin/other";
  const std::string third = container.root() + "/bin/third";

  void SetUp() override {
    for (const char* name : {"bin/caged", "bin/other", "bin/third"}) container.program(name);
    // Without a policy each of these may.
    ASSERT_EQ(container.run({caged, "socket"}), 0);
    ASSERT_EQ(container.run({other, "socket"}), 0);
  }
  sl_subject& cage(const annotations::Annotations& wanted = no_sockets) {
    return container.subject(0, caged, wanted);
  }
  void link_as(const char* name, int (*link)(const char*, const char*)) {
    ASSERT_EQ(link(caged.c_str(), (container.root() + name).c_str()), 0);
  }
};

TEST_F(Subjects, ExecOfItsProgramEntersAndOfOthersDoesNot) {
  cage();
  container.enforce();
  EXPECT_EQ(container.run({caged, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "unix"}), 0);
  EXPECT_EQ(container.run({other, "socket"}), 0);
  EXPECT_EQ(container.run({other, "exec", caged, "socket"}), EPERM);
  EXPECT_EQ(container.denials_of(0, SL_REASON_CREATE), 2U);
  EXPECT_EQ(container.denials(SL_REASON_CREATE), 0U);
}

TEST_F(Subjects, APoliciesFamiliesAreClosedAsAContainersAre) {
  cage({{"io.socklid.bind", "tcp/80"}});
  container.subject(1, other, {{"io.socklid.listen", "deny"}});
  container.enforce();
  EXPECT_EQ(container.run({caged, "bind", "81"}), EPERM);
  EXPECT_EQ(container.run({caged, "bind", "80"}), 0);
  EXPECT_EQ(container.run({other, "bind", "81"}), 0);
}

TEST_F(Subjects, APortThatASubjectMayBindItServes) {
  cage({{"io.socklid.bind", "tcp/8080"}});
  container.enforce();
  EXPECT_EQ(container.run({caged, "serve", "8080"}), 0);
  EXPECT_EQ(container.run({caged, "serve", "8081"}), EPERM);
  EXPECT_EQ(container.run({other, "serve", "8081"}), 0);
}

TEST_F(Subjects, ItIsItsProgramByEveryName) {
  cage();
  link_as("/hard", ::link);
  link_as("/soft", ::symlink);
  write_script(container.root() + "/script", caged);
  write_script(container.root() + "/nested", container.root() + "/script");
  std::ofstream(container.root() + "/mounted").put(' ');
  ASSERT_EQ(
      ::mount(caged.c_str(), (container.root() + "/mounted").c_str(), nullptr, MS_BIND, nullptr),
      0);
  container.enforce();
  for (const char* name : {"/hard", "/soft", "/script", "/nested", "/mounted"}) {
    EXPECT_EQ(container.run({container.root() + name, "socket"}), EPERM) << name;
  }
  EXPECT_EQ(container.run({other, "at", caged, "socket"}), EPERM);
  // From outside, where the name may be changed.
  ASSERT_EQ(::rename(caged.c_str(), (container.root() + "/renamed").c_str()), 0);
  EXPECT_EQ(container.run({container.root() + "/renamed", "socket"}), EPERM);
  ASSERT_EQ(::umount((container.root() + "/mounted").c_str()), 0);
}

TEST_F(Subjects, AScriptIsASubjectByItself) {
  write_script(container.root() + "/script", other);
  container.subject(0, container.root() + "/script", no_sockets);
  container.enforce();
  EXPECT_EQ(container.run({container.root() + "/script", "socket"}), EPERM);
  EXPECT_EQ(container.run({other, "socket"}), 0);
}

TEST_F(Subjects, WhateverHasItsPlaceIsIt) {
  cage();
  container.name(container.root() + "/bin", "caged", 1);
  container.enforce();
  ASSERT_EQ(::unlink(caged.c_str()), 0);
  container.program("bin/caged");
  EXPECT_EQ(container.run({caged, "socket"}), EPERM);
  EXPECT_EQ(container.run({other, "socket"}), 0);
}

TEST_F(Subjects, ItGoesOnWhateverRunsInIt) {
  cage();
  container.enforce();
  const std::string copy = container.program("copy");
  EXPECT_EQ(container.run({copy, "socket"}), 0);
  EXPECT_EQ(container.run({caged, "exec", copy, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "exec", other, "exec", third, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "at", copy, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "memfd", copy, "socket"}), EPERM);
  EXPECT_EQ(container.run({other, "memfd", copy, "socket"}), 0);
  EXPECT_EQ(container.run({caged, "fork", "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "thread", "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "vfork", other, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "thread", "exec", other, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "fork", "thread", "fork", "exec", copy, "socket"}), EPERM);
}

TEST_F(Subjects, TwoHoldTogether) {
  cage();
  container.subject(1, other, {{"io.socklid.bind", "tcp/80"}});
  container.enforce();
  EXPECT_EQ(container.run({other, "socket"}), 0);
  EXPECT_EQ(container.run({other, "exec", caged, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "exec", other, "socket"}), EPERM);
}

TEST_F(Subjects, AnExecThatFailsChangesNothing) {
  const std::string broken = container.root() + "/broken";
  std::ofstream(broken) << "\177ELF";
  ASSERT_EQ(::chmod(broken.c_str(), 0755), 0);
  cage();
  container.file(broken, SL_FILE_SELF, 1);
  container.enforce();
  EXPECT_EQ(container.run({other, "exec", broken}), ENOEXEC);
  EXPECT_EQ(container.run({other, "try", broken, "socket"}), 0);
}

TEST_F(Subjects, LevelsAreCountedByOtherPrograms) {
  cage().inherit = 1;
  container.enforce();
  EXPECT_EQ(container.run({caged, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "exec", caged, "exec", caged, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "exec", other, "exec", other, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "exec", other, "exec", third, "socket"}), 0);
  EXPECT_EQ(container.run({caged, "fork", "exec", other, "fork", "exec", third, "socket"}), 0);
}

std::uint64_t tai_offset() {
  timespec tai{}, utc{};
  ::clock_gettime(CLOCK_TAI, &tai);
  ::clock_gettime(CLOCK_REALTIME, &utc);
  return static_cast<std::uint64_t>((tai.tv_sec - utc.tv_sec + 1) / 2 * 2) * 1000000000;
}

/// Of the day, as of now, in UTC.
std::uint16_t minute(int ahead) {
  const std::time_t now = std::time(nullptr);
  return static_cast<std::uint16_t>((now / 60 + 1440 + ahead) % 1440);
}

TEST_F(Subjects, HoursAreKeptAtEachCall) {
  sl_subject& open = cage({{"io.socklid.bind", "tcp/80"}});
  open.hours.tai_offset = tai_offset();
  open.hours.windows = 1;
  open.hours.window[0] = {minute(-120), minute(120)};
  sl_subject& closed = container.subject(1, other, {{"io.socklid.bind", "tcp/80"}});
  closed.hours = open.hours;
  closed.hours.window[0] = {minute(120), minute(240)};
  sl_subject& away = container.subject(2, third, {{"io.socklid.bind", "tcp/80"}});
  away.hours = closed.hours;
  away.hours.zones = 1;
  away.hours.zone[0].offset = 3 * 3600;
  container.enforce();
  EXPECT_EQ(container.run({caged, "socket"}), 0);
  EXPECT_EQ(container.run({other, "socket"}), EPERM);
  EXPECT_EQ(container.run({other, "unix"}), 0);
  EXPECT_EQ(container.run({third, "socket"}), 0);
  EXPECT_EQ(container.denials_of(1, SL_REASON_HOURS), 1U);
}

TEST_F(Subjects, ATaskOfWhichNothingIsKnownMayUseUnixSocketsAlone) {
  cage();
  container.enforce();
  const auto create = [](int family) {
    return [family] { return ::socket(family, SOCK_STREAM, 0) < 0 ? errno : 0; };
  };
  EXPECT_EQ(container.run_here(create(AF_INET)), EPERM);
  EXPECT_EQ(container.run_here(create(AF_UNIX)), 0);
  EXPECT_EQ(container.denials(SL_REASON_SUBJECT), 1U);
}

/// The last reference to a task goes some time after its end.
std::size_t tasks_left(const SubjectContainer& container) {
  for (int i = 0; i < 3000 && tasks_of(container.cgroup().id()) != 0; i++) ::usleep(10000);
  return tasks_of(container.cgroup().id());
}

TEST_F(Subjects, OfTheContainersOwnTasksNoneIsForgottenAndNoneIsLeft) {
  cage();
  container.enforce();
  EXPECT_EQ(container.run({caged, "many", "50"}), 0);
  EXPECT_EQ(container.run({other, "thread", "fork", "exec", caged, "many", "10"}), 0);
  EXPECT_EQ(tasks_left(container), 0U);
  const std::uint64_t id = container.cgroup().id();
  EXPECT_EQ((find_in<std::uint64_t, std::int64_t>("task_counts", id)), 0);
}

TEST_F(Subjects, ManyAtOnceAreRefusedNothing) {
  cage();
  container.enforce();
  const int rounds = is_thorough() ? 84 : 1;  // 8 times 150 times that: 100,000
  std::vector<pid_t> started;
  for (int i = 0; i < 4; i++) {
    for (const std::string& program : {caged, other}) {
      Words words{program};
      for (int round = 0; round < rounds; round++) words.insert(words.end(), {"many", "150"});
      started.push_back(container.start(words));
    }
  }
  for (const pid_t one : started) EXPECT_EQ(exit_of(one), 0);
  EXPECT_EQ(tasks_left(container), 0U);
  const std::uint64_t id = container.cgroup().id();
  EXPECT_EQ((find_in<std::uint64_t, std::int64_t>("task_counts", id)), 0);
}

TEST_F(Subjects, AContainerThatHasAllItsTasksGetsNoMore) {
  cage();
  container.enforce();
  // As if others of it were there: to make 4,096 takes a minute here.
  const auto leave = [&](std::int64_t places) {
    EXPECT_EQ(tasks_left(container), 0U);
    put_in("task_counts", container.cgroup().id(), SL_TASKS_OF_ONE - places);
  };
  for (const std::string& program : {other, caged}) {
    leave(3);
    EXPECT_EQ(container.run({program, "many", "20"}), EAGAIN);
    leave(0);
    EXPECT_EQ(container.run({program, "socket"}), EAGAIN);
  }
  leave(SL_TASKS_OF_ONE);
  EXPECT_EQ(container.run({other, "many", "20"}), 0);
}

TEST_F(Subjects, AContainerThatIsFullTakesNoPlaceOfAnother) {
  // All of its tasks, or the last of them, as if the others were there: to make 4,096 takes long
  // here.
  const std::int64_t places = is_thorough() ? SL_TASKS_OF_ONE : 64;
  SubjectContainer beside("beside");
  const std::string neighbour = beside.program("bin/caged");
  beside.subject(0, neighbour, no_sockets);
  beside.enforce();
  cage();
  container.enforce();
  if (places < SL_TASKS_OF_ONE) {
    put_in("task_counts", container.cgroup().id(), SL_TASKS_OF_ONE - places);
  }
  // One place is its own.
  Waiting full(container, {caged, "fill", std::to_string(places - 1)}, {"drain"});
  EXPECT_EQ(container.run({other, "unix"}), EAGAIN);
  EXPECT_EQ(beside.run({neighbour, "many", "20"}), 0);
  EXPECT_EQ(beside.run({neighbour, "socket"}), EPERM);
  EXPECT_EQ(full.end(), EAGAIN);
  EXPECT_EQ(tasks_left(container), 0U);
}

TEST_F(Subjects, AHoldOfAnotherTaskIsForThoseThatMayNoLess) {
  const std::vector<Words> ways = {{"trace"}, {"writev"}, {"mem"}, {"getfd"}};
  const auto hold = [&](const std::string& program, const Words& way, const std::string& pid) {
    Words words{program, way.front(), pid};
    if (way.front() == "getfd") words.emplace_back("0");
    return container.run(words);
  };
  {
    const Waiting free(container, other);
    for (const Words& way : ways) EXPECT_EQ(hold(caged, way, free.pid()), 0) << way.front();
  }
  cage();
  container.subject(1, third, {{"io.socklid.listen", "deny"}});
  container.enforce();
  const Waiting free(container, other);
  const Waiting held(container, caged);
  const Waiting beside(container, third);
  for (const Words& way : ways) {
    const int refused = way.front() == "mem" ? EACCES : EPERM;
    EXPECT_EQ(hold(caged, way, free.pid()), refused) << way.front();
    EXPECT_EQ(hold(caged, way, beside.pid()), refused) << way.front();
    EXPECT_EQ(hold(caged, way, held.pid()), 0) << way.front();
    EXPECT_EQ(hold(other, way, held.pid()), 0) << way.front();
  }
  EXPECT_EQ(container.run({caged, "traceme"}), 0);
  EXPECT_EQ(container.denials(SL_REASON_TRACE), 2 * ways.size());
}

TEST_F(Subjects, WhoIsFreedByALevelIsNotTracedByWhoIsNot) {
  ASSERT_EQ(container.run({caged, "fork", "exec", other, "offer"}), 0);
  cage().inherit = 0;
  container.enforce();
  EXPECT_EQ(container.run({caged, "fork", "exec", other, "socket"}), 0);
  EXPECT_EQ(container.run({caged, "fork", "exec", other, "offer"}), EPERM);
}

TEST_F(Subjects, EveryoneElseIsASubject) {
  cage({{"io.socklid.listen", "deny"}});
  container.subject(SL_SUBJECT_OTHERS, "", no_sockets);
  container.enforce();
  EXPECT_EQ(container.run({other, "socket"}), EPERM);
  EXPECT_EQ(container.run({other, "fork", "exec", third, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "socket"}), 0);
  EXPECT_EQ(container.run({caged, "exec", other, "socket"}), 0);
  // Whoever leaves it begins clean.
  EXPECT_EQ(container.run({other, "secure"}), 0);
  EXPECT_EQ(container.run({other, "exec", caged, "secure"}), EPERM);
  EXPECT_EQ(container.run({caged, "exec", caged, "secure"}), 0);
}

TEST_F(Subjects, EveryoneElseIsWhoeverALevelHasFreed) {
  cage({{"io.socklid.listen", "deny"}}).inherit = 0;
  container.subject(SL_SUBJECT_OTHERS, "", no_sockets);
  container.enforce();
  EXPECT_EQ(container.run({caged, "socket"}), 0);
  EXPECT_EQ(container.run({caged, "exec", other, "socket"}), EPERM);
}

}  // namespace
}  // namespace socklid::test
