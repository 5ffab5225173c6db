// SPDX-License-Identifier: Apache-2.0
//
// Fails if a subject or a protected path is another file than the container's, if what leads to it
// is left out, or if what cannot be held is taken.
#include "node/files/resolve.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/container_tree.hpp"

namespace socklid {
namespace {

using ::testing::HasSubstr;

SubjectPlan subject(std::uint32_t index, std::string name, std::vector<std::string> exec) {
  SubjectPlan plan;
  plan.name = std::move(name);
  plan.index = index;
  plan.exec = std::move(exec);
  return plan;
}

class Resolve : public ::testing::Test {
 protected:
  Resolve() {
    files_.file("usr/sbin/sshd");
    files_.file("usr/bin/busybox");
    files_.link("sbin", "usr/sbin");
    files_.link("usr/bin/sh", "busybox");
    files_.file("etc/passwd", 0644);
  }
  [[nodiscard]] Result<LookedUp> resolved() const {
    return resolve(files_.tree(), subjects_, readonly_);
  }
  [[nodiscard]] std::string refusal() const {
    const auto result = resolved();
    if (result) return "resolved";
    EXPECT_EQ(result.error().exit, Exit::unsupported);
    EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
    EXPECT_FALSE(result.error().where.key.empty());
    return result.error().message;
  }
  [[nodiscard]] FileEntry entry(const LookedUp& all, const std::string& name) const {
    for (const FileEntry& one : all.files) {
      if (one.number.inode == files_.inode(name)) return one;
    }
    return {};
  }
  TreeOnDisk files_;
  std::vector<SubjectPlan> subjects_;
  std::vector<annotations::ProtectedPath> readonly_;
};

TEST_F(Resolve, FindsAProgramAndWhatLeadsToIt) {
  subjects_ = {subject(0, "sshd", {"/usr/bin/sshd", "/sbin/sshd"})};
  const auto found = resolved();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->files.size(), 5U);
  EXPECT_EQ(entry(*found, "usr/sbin/sshd").subjects, 1U);
  EXPECT_EQ(entry(*found, "usr/sbin/sshd").flags, SL_FILE_SELF | SL_FILE_ENTRY);
  for (const char* step : {"", "sbin", "usr", "usr/sbin"}) {
    EXPECT_EQ(entry(*found, step).flags, std::uint32_t{SL_FILE_ENTRY}) << step;
    EXPECT_EQ(entry(*found, step).subjects, 0U) << step;
  }
  ASSERT_EQ(found->named.size(), 1U);
  EXPECT_EQ(found->named[0].name, "sshd");
  EXPECT_EQ(found->named[0].directory.inode, files_.inode("usr/sbin"));
  ASSERT_EQ(found->programs.size(), 1U);
  EXPECT_EQ(found->programs[0].path, "/sbin/sshd");
}

TEST_F(Resolve, HasNoFileOfEveryoneElse) {
  subjects_ = {subject(SL_SUBJECT_OTHERS, "others", {})};
  EXPECT_EQ(resolved().value(), LookedUp{});
}

TEST_F(Resolve, RefusesWhatIsNoProgram) {
  subjects_ = {subject(0, "sshd", {"/usr/bin/sshd"})};
  EXPECT_THAT(refusal(), HasSubstr("io.socklid.subject.sshd: \"/usr/bin/sshd\" is not in the"));
  subjects_ = {subject(0, "sshd", {"/a", "/b"})};
  EXPECT_THAT(refusal(), HasSubstr("its other paths are not in the container"));
  subjects_ = {subject(0, "sshd", {"/usr/sbin/sshd", "/usr/sbin"})};
  EXPECT_THAT(refusal(), HasSubstr("is no regular file"));
  subjects_ = {subject(0, "sshd", {"/etc/passwd"})};
  EXPECT_THAT(refusal(), HasSubstr("has no execute bit"));
}

TEST_F(Resolve, RefusesOneFileInTwoSubjects) {
  subjects_ = {subject(0, "a", {"/usr/bin/busybox"}), subject(1, "b", {"/usr/bin/sh"})};
  EXPECT_THAT(refusal(), HasSubstr("io.socklid.subject.b: \"/usr/bin/sh\" is the same file as "
                                   "io.socklid.subject.a"));
  files_.hard_link("usr/bin/other", "usr/sbin/sshd");
  subjects_ = {subject(0, "a", {"/usr/bin/other"}), subject(1, "b", {"/usr/sbin/sshd"})};
  EXPECT_THAT(refusal(), HasSubstr("is the same file as"));
  subjects_ = {subject(0, "a", {"/usr/bin/other", "/usr/sbin/sshd"})};
  EXPECT_EQ(refusal(), "resolved") << "of one subject";
}

TEST_F(Resolve, HasNoPlaceOfALongName) {
  const std::string fits(63, 'x');
  const std::string longer(64, 'x');
  files_.file("usr/bin/" + fits);
  files_.file("usr/bin/" + longer);
  subjects_ = {subject(0, "a", {"/usr/bin/" + fits}), subject(1, "b", {"/usr/bin/" + longer})};
  ASSERT_EQ(resolved()->named.size(), 1U);
  EXPECT_EQ(resolved()->named[0].name, fits);
}

TEST_F(Resolve, ProtectsTreesFilesAndTheWayThere) {
  files_.directory("usr/sbin/local/kept");
  readonly_ = {{"/sbin"}, {"/usr/sbin/local", true}, {"/usr/sbin/local/kept"}, {"/etc/passwd"}};
  const auto found = resolved();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(entry(*found, "usr/sbin").flags, SL_FILE_TREE | SL_FILE_ENTRY);
  EXPECT_EQ(entry(*found, "usr/sbin/local").flags, SL_FILE_EXCEPT | SL_FILE_ENTRY);
  EXPECT_EQ(entry(*found, "usr/sbin/local/kept").flags, SL_FILE_TREE | SL_FILE_ENTRY);
  EXPECT_EQ(entry(*found, "etc/passwd").flags, SL_FILE_SELF | SL_FILE_ENTRY);
  EXPECT_EQ(entry(*found, "sbin").flags, std::uint32_t{SL_FILE_ENTRY});
  EXPECT_EQ(entry(*found, "etc").flags, std::uint32_t{SL_FILE_ENTRY});
  ASSERT_EQ(found->named.size(), 1U) << "of files, not of directories nor of exceptions";
  EXPECT_EQ(found->named[0].name, "passwd");
  EXPECT_EQ(found->named[0].subjects, 0U);
}

TEST_F(Resolve, RefusesPathsThatProtectNothing) {
  readonly_ = {{"/usr/sbin"}, {"/srv"}};
  EXPECT_THAT(refusal(), HasSubstr("io.socklid.readonly: \"/srv\" is not in the container"));
  readonly_ = {{"/usr/sbin"}, {"/usr/sbin/none", true}};
  EXPECT_THAT(refusal(), HasSubstr("!\"/usr/sbin/none\" is not in the container"));
  readonly_ = {{"/usr/sbin"}, {"/etc", true}};
  EXPECT_THAT(refusal(), HasSubstr("!\"/etc\" lies in no protected directory"));
  readonly_ = {{"/usr/sbin"}, {"/sbin", true}};
  EXPECT_THAT(refusal(), HasSubstr("is protected and excepted"));
}

TEST_F(Resolve, RefusesMoreThanItsShare) {
  for (std::size_t i = 0; i < max_files; i++) {
    files_.file("many/" + std::to_string(i));
    readonly_.push_back({"/many/" + std::to_string(i)});
  }
  EXPECT_THAT(refusal(), HasSubstr("name fewer paths"));
}

TEST_F(Resolve, KeepsControlCharactersOfTheImageOutOfItsMessages) {
  files_.link("usr/bin/x", "x\x1b[31m");
  subjects_ = {subject(0, "x", {"/usr/bin/x\x1b[31m"})};
  EXPECT_EQ(refusal().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace socklid
