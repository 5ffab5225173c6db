// SPDX-License-Identifier: Apache-2.0
//
// Fails if a message can become two lines or move a terminal, or gets out on standard error; if
// podman would take a line of ours for its own; or if refusals are lost, unbounded or unreadable.
#include "system/log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "system/files.hpp"
#include "tests/support/temporary_directory.hpp"

namespace socklid {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Log, CutsLongLines) {
  const std::string line = log_line(std::string(100'000, 'x'));
  EXPECT_LT(line.size(), 2100U);
  EXPECT_TRUE(line.ends_with("..."));
}

TEST(Log, AvoidsThePhrasesThatPodmanSearchesFor) {
  EXPECT_EQ(without_engine_phrases("open /x: Permission denied"), "open /x: EACCES");
  EXPECT_EQ(without_engine_phrases("bpf: Operation not permitted (OPERATION NOT PERMITTED)"),
            "bpf: EPERM (EPERM)");
  EXPECT_EQ(without_engine_phrases("No such file or directory"), "ENOENT");
  EXPECT_EQ(without_engine_phrases("executable file not found in $PATH"),
            "executable missing in $PATH");
  EXPECT_EQ(without_engine_phrases("File exists"), "File exists");
}

TEST(Log, EscapesWhatIsNotPrintable) {
  EXPECT_EQ(log_line("first\nsecond\x1b[1m: Permission denied"), "first\\nsecond\\x1b[1m: EACCES");
}

TEST(Log, StaysOutOfStandardError) {
  testing::internal::CaptureStderr();
  log_error("e");
  log_warning("w");
  log_notice("n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

class Refusals : public testing::Test {
 protected:
  TemporaryDirectory directory_;
  Paths paths_{
      .run = directory_.path() + "/run", .bpffs_mount = {}, .bpffs = {}, .cgroup_mount = {}};
};

TEST_F(Refusals, AreNoneAtFirst) {
  EXPECT_THAT(refusals(paths_).value(), IsEmpty());
}

TEST_F(Refusals, AreReadBackInOrder) {
  const Refusal first{.time = 1, .id = "a", .exit = 13, .message = "bad"};
  const Refusal second{.time = 2, .id = "", .exit = 12, .message = "worse"};
  ASSERT_TRUE(remember_refusal(paths_, first));
  ASSERT_TRUE(remember_refusal(paths_, second));
  EXPECT_THAT(refusals(paths_).value(), ElementsAre(first, second));
}

TEST_F(Refusals, AreBoundedAndKeepTheNewest) {
  const int count = static_cast<int>(max_refusals) + 6;
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(remember_refusal(
        paths_, {.time = i, .id = std::to_string(i), .exit = 10, .message = "no"}));
  }
  const auto kept = refusals(paths_).value();
  ASSERT_THAT(kept, SizeIs(max_refusals));
  EXPECT_EQ(kept.front().time, 6);
  EXPECT_EQ(kept.back().time, count - 1);
}

TEST_F(Refusals, AreCountedWhereTheyAreTheSame) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(remember_refusal(paths_, {.time = i,
                                          .id = std::to_string(i),
                                          .exit = 13,
                                          .message = "no",
                                          .origin = "/kubepods/pod1"}));
  }
  ASSERT_TRUE(remember_refusal(
      paths_, {.time = 1000, .id = "b", .exit = 13, .message = "no", .origin = "/kubepods/pod2"}));
  const auto kept = refusals(paths_).value();
  ASSERT_THAT(kept, SizeIs(2));
  EXPECT_EQ(kept[0].count, 1000);
  EXPECT_EQ(kept[0].time, 999);
  EXPECT_EQ(kept[0].id, "999");
  EXPECT_EQ(kept[1].count, 1);
}

/// A pod whose author makes every refusal another one.
TEST_F(Refusals, OfOneWashOutNobodyElses) {
  const Refusal other{.time = 0, .id = "other", .exit = 20, .message = "why"};
  ASSERT_TRUE(remember_refusal(paths_, other));
  for (int i = 1; i <= 1000; ++i) {
    ASSERT_TRUE(remember_refusal(paths_, {.time = i,
                                          .id = std::to_string(i),
                                          .exit = 13,
                                          .message = "no " + std::to_string(i),
                                          .origin = "/kubepods/pod1"}));
  }
  const auto kept = refusals(paths_).value();
  ASSERT_THAT(kept, SizeIs(refusals_of_one + 1));
  EXPECT_EQ(kept.front(), other);
  EXPECT_EQ(kept.back().time, 1000);
}

/// podman's containers without a pod are all in one slice.
TEST_F(Refusals, OfContainersInOneSliceAreEachItsOwn) {
  const auto refuse = [&](int time, const std::string& id, const std::string& message) {
    ASSERT_TRUE(remember_refusal(
        paths_,
        {.time = time, .id = id, .exit = 13, .message = message, .origin = "/machine.slice"}));
  };
  refuse(0, "other", "no");
  for (int i = 1; i <= 100; ++i) refuse(i, "looping", "no " + std::to_string(i));
  refuse(101, "third", "no");
  const auto kept = refusals(paths_).value();
  ASSERT_THAT(kept, SizeIs(refusals_of_one + 2));
  EXPECT_EQ(kept.front().id, "other");
  EXPECT_EQ(kept.back().count, 1);
}

/// `podman run` in a loop: each has an id of its own.
TEST_F(Refusals, OfOneSliceLeaveRoomForOthers) {
  const Refusal pods{
      .time = 0, .id = "pods", .exit = 20, .message = "why", .origin = "/kubepods/pod1"};
  ASSERT_TRUE(remember_refusal(paths_, pods));
  for (int i = 1; i <= 200; ++i) {
    ASSERT_TRUE(remember_refusal(paths_, {.time = i,
                                          .id = std::to_string(i),
                                          .exit = 13,
                                          .message = "no",
                                          .origin = "/machine.slice"}));
  }
  const auto kept = refusals(paths_).value();
  ASSERT_THAT(kept, SizeIs(refusals_of_shared + 1));
  EXPECT_EQ(kept.front(), pods);
}

TEST_F(Refusals, SurviveBytesThatAreNotText) {
  ASSERT_TRUE(remember_refusal(paths_, {.time = 1, .id = "", .exit = 11, .message = "\xff\n"}));
  ASSERT_THAT(refusals(paths_).value(), SizeIs(1));
  EXPECT_EQ(refusals(paths_).value()[0].message, "\\xff\\n");
}

TEST_F(Refusals, TakeAwayWhatAKilledRunHasLeft) {
  const UniqueFd directory = std::move(make_directory(paths_.run + "/refusals").value());
  const std::string left = "1.json.new.999999999";  // more than pid_max can be
  const std::string others = "2.json.new." + std::to_string(::getpid());
  for (const std::string& name : {left, others}) {
    ASSERT_TRUE(write_file_atomically(directory.get(), name, "{"));
  }
  ASSERT_TRUE(remember_refusal(paths_, {.time = 1, .id = "a", .exit = 10, .message = "m"}));
  EXPECT_NE(::faccessat(directory.get(), left.c_str(), F_OK, 0), 0);
  EXPECT_EQ(::faccessat(directory.get(), others.c_str(), F_OK, 0), 0);
}

TEST_F(Refusals, SkipFilesThatDoNotRead) {
  ASSERT_TRUE(remember_refusal(paths_, {.time = 1, .id = "a", .exit = 10, .message = "m"}));
  const UniqueFd directory = std::move(make_directory(paths_.run + "/refusals").value());
  ASSERT_TRUE(write_file_atomically(directory.get(), "0.json", "{"));
  EXPECT_THAT(refusals(paths_).value(), SizeIs(1));
}

}  // namespace
}  // namespace socklid
