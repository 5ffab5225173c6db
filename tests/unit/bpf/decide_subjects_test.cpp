// SPDX-License-Identifier: Apache-2.0
//
// Which subjects a task is in after an exec, when a subject's hours are, who may have a hold of
// whom, and which files are protected. Fails when a subject is left by another way than its levels,
// when a run begins or is open that must not, when a window is wrong at midnight or where clocks
// change, and when an attempt gets past the hours.
#include "bpf/decide_subjects.h"

#include <gtest/gtest.h>
#include <linux/fscrypt.h>
#include <linux/fsverity.h>
#include <sys/ioctl.h>

#include <vector>

#include "tests/support/decide_attempts.hpp"

namespace socklid {
namespace {

constexpr std::uint32_t others = 1U << SL_SUBJECT_OTHERS;

/// The exec of program `inode`, which enters `entered` with `inherit` levels.
sl_program exec_of(std::uint64_t inode, std::uint32_t entered = 0, std::uint8_t inherit = 255) {
  sl_program program{};
  program.inode = inode;
  program.entered = entered;
  std::fill(std::begin(program.inherit), std::end(program.inherit), inherit);
  return program;
}

/// The set after each exec of a task that nothing is known of.
std::vector<std::uint32_t> sets(const std::vector<sl_program>& programs) {
  sl_task task{};
  std::vector<std::uint32_t> after;
  for (const sl_program& program : programs) {
    sl_exec(&task, &program);
    after.push_back(task.subjects);
  }
  return after;
}

using Sets = std::vector<std::uint32_t>;

TEST(DecideSubjects, AnExecAddsAndTakesNothingAway) {
  EXPECT_EQ(sets({exec_of(1), exec_of(2, 1), exec_of(3), exec_of(4, 6), exec_of(1)}),
            (Sets{0, 1, 1, 7, 7}));
}

TEST(DecideSubjects, LevelsAreOfOtherPrograms) {
  EXPECT_EQ(sets({exec_of(1, 1, 0), exec_of(1, 1, 0), exec_of(2)}), (Sets{1, 1, 0}));
  EXPECT_EQ(sets({exec_of(1, 1, 2), exec_of(2), exec_of(2), exec_of(3), exec_of(2)}),
            (Sets{1, 1, 1, 1, 0}));
  // Entered anew it is counted anew.
  EXPECT_EQ(sets({exec_of(1, 1, 1), exec_of(2), exec_of(1, 1, 1), exec_of(2), exec_of(3)}),
            (Sets{1, 1, 1, 1, 0}));
  // One that ends leaves the others.
  EXPECT_EQ(sets({exec_of(1, 1, 0), exec_of(2, 2), exec_of(3)}), (Sets{1, 2, 2}));
}

TEST(DecideSubjects, ATracedTaskLeavesNone) {
  sl_program traced = exec_of(2);
  traced.is_traced = 1;
  EXPECT_EQ(sets({exec_of(1, 1, 0), traced, exec_of(3)}), (Sets{1, 1, 0}));
}

TEST(DecideSubjects, TheSameNumberOnAnotherFileSystemIsAnotherProgram) {
  sl_program elsewhere = exec_of(1);
  elsewhere.device = 7;
  EXPECT_EQ(sets({exec_of(1, 1, 0), elsewhere}), (Sets{1, 0}));
}

TEST(DecideSubjects, OfATaskThatIsNotClassifiedNothingCounts) {
  sl_task task{};
  task.subjects = 4;
  const sl_program program = exec_of(1, 1);
  sl_exec(&task, &program);
  EXPECT_EQ(task.subjects, 1U);
  EXPECT_EQ(task.classified, 1U);
  EXPECT_EQ(task.pending, 0U);
}

TEST(DecideSubjects, WhoIsInNoneIsEveryoneElse) {
  const auto in = [](std::uint64_t inode, std::uint32_t entered, std::uint8_t inherit = 255) {
    sl_program program = exec_of(inode, entered, inherit);
    program.has_others = 1;
    return program;
  };
  EXPECT_EQ(sets({in(1, 0), in(2, 0), in(3, 1), in(4, 0)}), (Sets{others, others, 1, 1}));
  EXPECT_EQ(sets({in(1, 1, 0), in(2, 0), in(1, 1, 0)}), (Sets{1, others, 1}));
  // Who is traced by one of them does not leave them.
  sl_program traced = in(3, 1);
  traced.is_traced = 1;
  EXPECT_EQ(sets({in(1, 0), traced, in(4, 0)}), (Sets{others, others | 1, 1}));
}

TEST(DecideSubjects, TheLastNumberWithAFileIsNoLessThanOthers) {
  EXPECT_EQ(sets({exec_of(1, others), exec_of(2, 1), exec_of(3)}),
            (Sets{others, others | 1, others | 1}));
}

/// The subjects of which each exec begins a run; the caller numbers them.
std::vector<std::uint32_t> begun(const std::vector<sl_program>& programs) {
  sl_task task{};
  std::vector<std::uint32_t> after;
  std::uint64_t number = 0;
  for (const sl_program& program : programs) {
    after.push_back(sl_exec(&task, &program));
    for (std::uint32_t i = 0; i < SL_SUBJECTS; i++) {
      if ((after.back() >> i & 1U) != 0) task.runs[i] = ++number;
    }
  }
  return after;
}

TEST(Runs, BeginWhereATaskComesInFromOutside) {
  EXPECT_EQ(begun({exec_of(1), exec_of(2, 1), exec_of(2, 1), exec_of(3), exec_of(2, 1)}),
            (Sets{0, 1, 0, 0, 0}));
  EXPECT_EQ(begun({exec_of(1, 1), exec_of(2, 6), exec_of(3, 5)}), (Sets{1, 6, 0}));
  // Out of it by a level, and in again.
  EXPECT_EQ(begun({exec_of(1, 1, 0), exec_of(2), exec_of(1, 1, 0)}), (Sets{1, 0, 1}));
}

TEST(Runs, OfEveryoneElseNobodyComesToASecond) {
  const auto in = [](std::uint64_t inode, std::uint32_t entered) {
    sl_program program = exec_of(inode, entered, 0);
    program.has_others = 1;
    return program;
  };
  EXPECT_EQ(begun({in(1, 0), in(2, 1), in(3, 0), in(2, 1)}), (Sets{others, 1, 0, 1}));
}

TEST(Runs, AreOpenAsLongAsTheyWaitForAnything) {
  EXPECT_TRUE(sl_is_waiting(7ULL << SL_RUN_BITS | 1, 7));
  EXPECT_TRUE(sl_is_waiting(7ULL << SL_RUN_BITS | 0x8000, 7));
  EXPECT_FALSE(sl_is_waiting(7ULL << SL_RUN_BITS, 7));
  EXPECT_FALSE(sl_is_waiting(7ULL << SL_RUN_BITS | 1, 8));
  EXPECT_FALSE(sl_is_waiting(1, 0));
}

sl_hours hours(std::vector<sl_window> windows, std::vector<sl_zone_change> zones = {}) {
  sl_hours all{};
  all.windows = static_cast<__u32>(windows.size());
  all.zones = static_cast<__u32>(zones.size());
  std::copy(windows.begin(), windows.end(), all.window);
  std::copy(zones.begin(), zones.end(), all.zone);
  return all;
}

bool is_open(const sl_hours& hours, std::int64_t day, int hour, int minute) {
  return !sl_is_too_late(&hours, day * 86400 + hour * 3600 + minute * 60);
}

TEST(Hours, NoneIsAlways) {
  EXPECT_TRUE(is_open(hours({}), 20000, 3, 0));
}

TEST(Hours, EndAtTheirEnd) {
  const sl_hours day = hours({{480, 1020}});
  EXPECT_FALSE(is_open(day, 20000, 7, 59));
  EXPECT_TRUE(is_open(day, 20000, 8, 0));
  EXPECT_TRUE(is_open(day, 20000, 16, 59));
  EXPECT_FALSE(is_open(day, 20000, 17, 0));
}

TEST(Hours, GoOverMidnight) {
  const sl_hours night = hours({{1320, 360}});
  EXPECT_TRUE(is_open(night, 20000, 23, 59));
  EXPECT_TRUE(is_open(night, 20001, 0, 0));
  EXPECT_TRUE(is_open(night, 20001, 5, 59));
  EXPECT_FALSE(is_open(night, 20001, 6, 0));
  EXPECT_FALSE(is_open(night, 20001, 21, 59));
  const sl_hours all = hours({{0, 1440}});
  EXPECT_TRUE(is_open(all, 20000, 0, 0));
  EXPECT_TRUE(is_open(all, 20000, 23, 59));
}

TEST(Hours, HaveSeveralWindows) {
  const sl_hours four = hours({{60, 120}, {180, 240}, {300, 360}, {1380, 30}});
  for (const int hour : {1, 3, 5, 23}) EXPECT_TRUE(is_open(four, 20000, hour, 1)) << hour;
  for (const int hour : {2, 4, 6, 22}) EXPECT_FALSE(is_open(four, 20000, hour, 1)) << hour;
  EXPECT_TRUE(is_open(four, 20000, 0, 29));
}

TEST(Hours, AreLocalTime) {
  const sl_hours tokyo = hours({{540, 1020}}, {{0, 9 * 3600, 0}});
  EXPECT_TRUE(is_open(tokyo, 20000, 0, 0));
  EXPECT_FALSE(is_open(tokyo, 20000, 9, 0));
  const sl_hours west = hours({{1200, 1260}}, {{0, -5 * 3600, 0}});
  EXPECT_TRUE(is_open(west, 20001, 1, 30));
  EXPECT_FALSE(is_open(west, 20001, 20, 30));
}

/// Berlin's clocks went forward on 31 March 2024 at 01:00 UTC, and back on 27 October.
TEST(Hours, ChangeWithTheClocks) {
  constexpr std::int64_t forward = 1711846800, back = 1729990800;
  const sl_hours day = hours({{480, 1020}}, {{0, 3600, 0}, {forward, 7200, 0}, {back, 3600, 0}});
  const auto open = [&](std::int64_t now) { return !sl_is_too_late(&day, now); };
  EXPECT_FALSE(open(forward - 86400 + 18000 - 1));  // 30 March, 05:59:59 UTC
  EXPECT_FALSE(open(forward - 86400 + 18000));      // 30 March, 06:00 UTC, 07:00
  EXPECT_TRUE(open(forward + 18000));               // 31 March, 06:00 UTC, 08:00
  EXPECT_FALSE(open(forward + 18000 - 1));
  EXPECT_FALSE(open(back + 18000));  // 27 October, 06:00 UTC, 07:00
  EXPECT_TRUE(open(back + 21600));
}

TEST(Hours, OfAClockBefore1970) {
  const sl_hours night = hours({{1320, 360}});
  EXPECT_TRUE(is_open(night, -1, 23, 0));
  EXPECT_FALSE(is_open(night, -1, 12, 0));
  EXPECT_TRUE(is_open(hours({{0, 60}}, {{0, -3600, 0}}), 0, 1, 30));
}

TEST(Hours, OfMoreWindowsThanThereAreAreTheFirst) {
  sl_hours wrong = hours({{60, 120}});
  wrong.windows = 99;
  EXPECT_FALSE(is_open(wrong, 20000, 5, 0));
}

TEST(Hours, AreKeptByWhatBegins) {
  const sl_policy open = compile(Policy{}).image;
  const auto late = [&](sl_attempt attempt) {
    const int before = -sl_decide(&open, &attempt).error;
    attempt.flags |= SL_ATTEMPT_TOO_LATE | SL_ATTEMPT_UNSEALED;
    const sl_decision decision = sl_decide(&open, &attempt);
    EXPECT_EQ(before, 0);
    EXPECT_EQ(decision.reason, decision.error ? SL_REASON_HOURS : SL_REASON_NONE);
    return -decision.error;
  };
  EXPECT_EQ(late(create(inet, stream, 0)), EPERM);
  EXPECT_EQ(late(create(unix_family, stream, 0)), 0);
  EXPECT_EQ(late(create(netlink, raw, 0)), 0);
  for (const sl_verb verb : {SL_VERB_BIND, SL_VERB_CONNECT, SL_VERB_LISTEN, SL_VERB_ACCEPT}) {
    EXPECT_EQ(late(on(verb, inet, stream, 80)), EPERM) << verb;
    EXPECT_EQ(late(on(verb, inet6, datagram, 80)), EPERM) << verb;
    EXPECT_EQ(late(on(verb, unix_family, stream)), 0) << verb;
  }
  EXPECT_EQ(late(on(SL_VERB_SHUTDOWN, inet, stream)), 0);
  EXPECT_EQ(late(on(SL_VERB_SETSOCKOPT, inet, stream)), 0);
}

sl_task task_in(std::uint64_t cgroup_id, std::uint32_t subjects) {
  sl_task task{};
  task.cgroup_id = cgroup_id;
  task.subjects = subjects;
  task.classified = 1;
  return task;
}

TEST(Trace, IsOfThoseThatMayNoMore) {
  const sl_task none = task_in(1, 0), one = task_in(1, 1), both = task_in(1, 3);
  const sl_task other = task_in(2, 3);
  const auto may = [](const sl_task* tracer, const sl_task* target) {
    return sl_decide_trace(tracer, target, 0).error == 0;
  };
  EXPECT_TRUE(may(&none, &one));
  EXPECT_TRUE(may(&one, &one));
  EXPECT_TRUE(may(&one, &both));
  EXPECT_FALSE(may(&one, &none));
  EXPECT_FALSE(may(&both, &one));
  EXPECT_FALSE(may(&one, nullptr));
  EXPECT_FALSE(may(&one, &other));
  EXPECT_TRUE(may(nullptr, &none));
}

TEST(Trace, IsNotOfAnotherRunThatIsOpen) {
  const sl_task none = task_in(1, 0), one = task_in(1, 1), both = task_in(1, 3);
  EXPECT_EQ(sl_decide_trace(&one, &one, 1).reason, SL_REASON_TRACE);
  EXPECT_EQ(sl_decide_trace(&one, &both, 2).error, 0);
  EXPECT_EQ(sl_decide_trace(&both, &both, 2).error, -EPERM);
  EXPECT_EQ(sl_decide_trace(&none, &both, 3).error, 0);
}

TEST(Tasks, AreKnownByAnExecInTheirContainer) {
  sl_task task = task_in(1, 0);
  EXPECT_EQ(sl_decide_task(&task, 1).error, 0);
  EXPECT_EQ(sl_decide_task(&task, 2).reason, SL_REASON_SUBJECT);
  task.classified = 0;
  EXPECT_EQ(sl_decide_task(&task, 1).error, -EPERM);
  EXPECT_EQ(sl_decide_task(nullptr, 1).error, -EPERM);
}

TEST(Makers, AreAnotherIfTheyWereAllowedMore) {
  sl_maker maker{};
  maker.cgroup_id = 1;
  maker.subjects = 3;
  maker.mark = 5;
  maker.mark_mask = 0xff;
  const sl_task none = task_in(1, 0), one = task_in(1, 1), third = task_in(1, 4);
  EXPECT_FALSE(sl_is_made_by_another(&maker, &none, 1, 5));
  EXPECT_FALSE(sl_is_made_by_another(&maker, &one, 1, 0x105));
  EXPECT_TRUE(sl_is_made_by_another(&maker, &one, 1, 6));
  EXPECT_TRUE(sl_is_made_by_another(&maker, &third, 1, 5));
  EXPECT_TRUE(sl_is_made_by_another(&maker, &one, 2, 5));
  EXPECT_TRUE(sl_is_made_by_another(nullptr, &one, 1, 5));
  EXPECT_TRUE(sl_is_made_by_another(&maker, nullptr, 1, 5));
}

TEST(Makers, CountWhereThereAreSubjects) {
  sl_policy policy = compile(Policy{}).image;
  sl_attempt attempt = on(SL_VERB_CONNECT, inet, stream, 80);
  attempt.flags |= SL_ATTEMPT_FOREIGN;
  EXPECT_EQ(sl_decide(&policy, &attempt).error, 0);
  policy.more_flags |= SL_HAS_SUBJECTS;
  EXPECT_EQ(sl_decide(&policy, &attempt).reason, SL_REASON_FOREIGN);
  attempt.verb = SL_VERB_SEND;
  EXPECT_EQ(sl_decide(&policy, &attempt).error, 0);  // to the peer that it has
  attempt.flags |= SL_ATTEMPT_ADDRESS | SL_ATTEMPT_FASTOPEN;
  EXPECT_EQ(sl_decide(&policy, &attempt).reason, SL_REASON_FOREIGN);
}

struct Step {
  std::uint32_t flags;
  sl_looked content, name, above;  // of the file itself, of its name, of what is below it
};

TEST(Files, TheNearestDecides) {
  const std::vector<Step> steps = {
      {0, SL_GOES_UP, SL_GOES_UP, SL_GOES_UP},
      {SL_FILE_TREE, SL_IS_PROTECTED, SL_IS_PROTECTED, SL_IS_PROTECTED},
      {SL_FILE_SELF, SL_IS_PROTECTED, SL_IS_PROTECTED, SL_GOES_UP},
      {SL_FILE_ENTRY, SL_GOES_UP, SL_IS_PROTECTED, SL_GOES_UP},
      {SL_FILE_EXCEPT, SL_IS_FREE, SL_GOES_UP, SL_IS_FREE},
      {SL_FILE_EXCEPT | SL_FILE_ENTRY, SL_IS_FREE, SL_IS_PROTECTED, SL_IS_FREE},
      {SL_FILE_EXCEPT | SL_FILE_SELF, SL_IS_PROTECTED, SL_IS_PROTECTED, SL_IS_FREE},
  };
  for (const Step& step : steps) {
    EXPECT_EQ(sl_look_at(step.flags, 1, 0), step.content) << step.flags;
    EXPECT_EQ(sl_look_at(step.flags, 1, 1), step.name) << step.flags;
    EXPECT_EQ(sl_look_at(step.flags, 0, 0), step.above) << step.flags;
    EXPECT_EQ(sl_look_at(step.flags, 0, 1), step.above) << step.flags;
  }
}

TEST(Files, IoctlsOfOthersReachNoOther) {
  const std::vector<unsigned long> of_one = {
      TCGETS,        FS_IOC_SETFLAGS, FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR, FICLONE, FICLONERANGE,
      FIDEDUPERANGE, FITRIM,          _IO('f', 17)};  // EXT4_IOC_SWAP_BOOT
  for (const unsigned long command : of_one) {
    EXPECT_TRUE(sl_file_ioctl_stays(static_cast<unsigned>(command))) << command;
  }
  const std::vector<unsigned long> of_all = {
      _IOW(0x94, 15, char[4096]),   // BTRFS_IOC_SNAP_DESTROY
      _IOW(0x94, 63, char[4096]),   // BTRFS_IOC_SNAP_DESTROY_V2
      _IOWR('X', 106, char[48]),    // XFS_IOC_FD_TO_HANDLE
      _IOW('X', 123, char[48]),     // XFS_IOC_ATTRMULTI_BY_HANDLE
      _IOR('X', 125, unsigned),     // XFS_IOC_GOINGDOWN
      _IOW(0xbc, 17, char[32]),     // BCH_IOCTL_SUBVOLUME_DESTROY
      _IOWR('n', 0x88, char[120]),  // NILFS_IOCTL_CLEAN_SEGMENTS
      _IOW('o', 4, char[24]),       // OCFS2_IOC_REFLINK
  };
  for (const unsigned long command : of_all) {
    EXPECT_FALSE(sl_file_ioctl_stays(static_cast<unsigned>(command))) << command;
  }
}

TEST(Files, IoctlsOfThemOnlyRead) {
  const std::vector<unsigned long> reads = {
      TCGETS,
      FIONREAD,
      FIOCLEX,
      FIGETBSZ,
      FS_IOC_GETFLAGS,
      FS_IOC_FIEMAP,
      FS_IOC_FSGETXATTR,
      FS_IOC_MEASURE_VERITY,
      FS_IOC_READ_VERITY_METADATA,
      FS_IOC_GET_ENCRYPTION_POLICY,
      FS_IOC_GET_ENCRYPTION_POLICY_EX,
      FS_IOC_GET_ENCRYPTION_KEY_STATUS,
      FS_IOC_GET_ENCRYPTION_NONCE,
  };
  for (const unsigned long command : reads) {
    EXPECT_TRUE(sl_file_ioctl_reads(static_cast<unsigned>(command))) << command;
  }
  const std::vector<unsigned long> changes = {
      FS_IOC_SETFLAGS,
      FS_IOC32_SETFLAGS,
      FS_IOC_FSSETXATTR,
      FICLONE,
      FIDEDUPERANGE,
      FS_IOC_ENABLE_VERITY,
      FS_IOC_SET_ENCRYPTION_POLICY,
      FS_IOC_ADD_ENCRYPTION_KEY,
      FS_IOC_REMOVE_ENCRYPTION_KEY,
      FS_IOC_SETFSLABEL,
      _IO('f', 17),                 // EXT4_IOC_SWAP_BOOT
      _IOW(0x94, 15, char[4096]),   // BTRFS_IOC_SNAP_DESTROY
      _IOR('X', 125, unsigned),     // XFS_IOC_GOINGDOWN
      _IOW(0xbc, 17, char[32]),     // BCH_IOCTL_SUBVOLUME_DESTROY
      _IOWR('n', 0x88, char[120]),  // NILFS_IOCTL_CLEAN_SEGMENTS
      _IOW('o', 4, char[24]),       // OCFS2_IOC_REFLINK
  };
  for (const unsigned long command : changes) {
    EXPECT_FALSE(sl_file_ioctl_reads(static_cast<unsigned>(command))) << command;
  }
}

}  // namespace
}  // namespace socklid
