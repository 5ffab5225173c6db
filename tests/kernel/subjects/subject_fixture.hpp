// SPDX-License-Identifier: Apache-2.0
//
// A container with subjects and protected files: a cgroup of the test's own, and the entries of the
// programs' maps that the hook would write for it. What acts in it are copies of one program
// (tests/kernel/subjects/subject_actions.c), so that each is a program of its own.
//
//   SubjectContainer container("a");
//   const std::string sendmail = container.program("sendmail");
//   container.subject(0, sendmail, {{"io.socklid.create", "deny"}});
//   container.enforce();
//   EXPECT_EQ(container.run({sendmail, "socket"}), EPERM);
#pragma once

#include <linux/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "annotations/parser.hpp"
#include "bpf/subject_abi.h"
#include "guard/guard.hpp"
#include "tests/kernel/cgroup_fixture.hpp"

namespace socklid::test {

using Words = std::vector<std::string>;

/// The file as the programs know it, of a container.
sl_file_key file_key(std::uint64_t cgroup_id, const std::string& path);

class SubjectContainer {
 public:
  explicit SubjectContainer(const std::string& name, const annotations::Annotations& wanted = {});
  ~SubjectContainer();
  SubjectContainer(const SubjectContainer&) = delete;
  SubjectContainer& operator=(const SubjectContainer&) = delete;

  /// The directory of its files, on a file system that is nobody else's.
  [[nodiscard]] const std::string& root() const { return root_; }
  /// A new copy of the program that acts.
  std::string program(const std::string& name) const;

  /// Before enforce(). `file` is its program; none: it is everyone else.
  sl_subject& subject(std::uint32_t index, const std::string& file,
                      const annotations::Annotations& wanted);
  /// Adds to what is known of a file: SL_FILE_* flags, and the subjects that its exec enters.
  void file(const std::string& path, std::uint32_t flags, std::uint32_t subjects = 0);
  /// Whatever has this name in this directory enters the subjects.
  void name(const std::string& directory, const std::string& name, std::uint32_t subjects);
  /// Puts all of it in force.
  void enforce();

  /// The exit status of the program that the words name, in the container.
  [[nodiscard]] int run(const Words& words) const;
  /// The same of what this process does there, without an exec.
  [[nodiscard]] int run_here(const std::function<int()>& body) const { return cgroup_.run(body); }
  /// Starts it and does not wait.
  [[nodiscard]] pid_t start(const Words& words) const;

  [[nodiscard]] std::uint64_t denials(sl_reason reason) const;
  [[nodiscard]] std::uint64_t denials_of(std::uint32_t subject, sl_reason reason) const;
  /// Seals all runs of the subject that are open now.
  void seal_by_hand(std::uint32_t index) const;
  [[nodiscard]] std::vector<LiveRun> runs() const;
  [[nodiscard]] const TestCgroup& cgroup() const { return cgroup_; }

 private:
  struct Given {
    sl_subject subject{};
    annotations::Policy policy;
    EndpointLists lists;
  };

  void take_back();  ///< from the maps what enforce() has put there

  TestCgroup cgroup_;
  std::string root_;
  annotations::Policy policy_;
  std::map<std::uint32_t, Given> subjects_;
  std::vector<std::pair<sl_file_key, sl_file>> files_;
  std::vector<std::pair<sl_named_key, std::uint32_t>> names_;
  std::optional<SocketGuard> guard_;
  std::optional<Links> links_;
};

/// A process in the container that stays, behind what `words` have it do, until it is let go; then
/// it does the rest.
class Waiting {
 public:
  Waiting(const SubjectContainer& container, Words words, const Words& then = {});
  Waiting(const SubjectContainer& container, const std::string& program)
      : Waiting(container, Words{program}) {}
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting();
  [[nodiscard]] std::string pid() const { return std::to_string(pid_); }
  /// Lets it go: its exit status.
  int end();

 private:
  pid_t pid_{0};
  int gate_{-1};
};

/// Waits for it: its exit status, 0..255.
[[nodiscard]] int exit_of(pid_t child);

}  // namespace socklid::test
