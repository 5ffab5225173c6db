// SPDX-License-Identifier: Apache-2.0
//
// A cgroup of the test's own, and children that act inside it.
//
//   TestCgroup cgroup("a");
//   EXPECT_EQ(cgroup.run([] { return ::socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0; }), EPERM);
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/unique_fd.hpp"

namespace socklid::test {

class TestCgroup {
 public:
  /// Makes /sys/fs/cgroup/socklid_test/<name>, or <name> below `parent`.
  explicit TestCgroup(const std::string& name);
  TestCgroup(const std::string& name, const TestCgroup& parent);
  TestCgroup(const TestCgroup&) = delete;
  TestCgroup& operator=(const TestCgroup&) = delete;
  ~TestCgroup();

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// What `body` returned (0..255) in a child that joined the cgroup before it began.
  [[nodiscard]] int run(const std::function<int()>& body) const;
  /// Moves the calling process into the cgroup.
  void join() const;

 private:
  void make();
  std::string path_;
  UniqueFd fd_;
  std::uint64_t id_{0};
};

}  // namespace socklid::test
