// SPDX-License-Identifier: Apache-2.0
//
// Guarded: a bare cgroup with the loaded programs on it, and what is tried in it.
//
//   Guarded guarded(cgroup, {{"io.socklid.create", "deny"}});
//   guarded.write();
//   EXPECT_EQ(cgroup.run([] { return result(::socket(AF_INET, SOCK_STREAM, 0)); }), EPERM);
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>

#include "annotations/parser.hpp"
#include "guard/guard.hpp"
#include "tests/kernel/cgroup_fixture.hpp"

namespace socklid::test {

inline const std::string mount = "/sys/fs/cgroup";

/// Of a system call: 0 or errno.
inline int result(int value) {
  return value < 0 ? errno : 0;
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

class Guarded {
 public:
  Guarded(const TestCgroup& cgroup, const annotations::Annotations& wanted) : cgroup_(cgroup) {
    auto policy = annotations::parse(wanted);
    EXPECT_TRUE(policy) << policy.error().message;
    plan_ = compile(*policy);
    auto guard = SocketGuard::open(plan_.hooks, mount);
    EXPECT_TRUE(guard) << guard.error().message;
    guard_.emplace(std::move(*guard));
    auto links = guard_->attach(cgroup.fd(), plan_.hooks);
    EXPECT_TRUE(links) << links.error().message;
    links_.emplace(std::move(*links));
  }
  ~Guarded() { EXPECT_TRUE(guard_->forget(cgroup_.id())); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  void write() {
    const auto written = guard_->write_policy({cgroup_.id(), netns_, 0}, plan_);
    EXPECT_TRUE(written) << written.error().message;
  }
  /// As a container whose own network namespace is this test's.
  void write_at_home() {
    struct stat status {};
    ASSERT_EQ(::stat("/proc/self/ns/net", &status), 0);
    netns_ = static_cast<std::uint32_t>(status.st_ino);
    write();
  }
  std::uint64_t denials(sl_reason reason) {
    const auto counted = guard_->denials(cgroup_.id());
    EXPECT_TRUE(counted);
    return counted->count[reason];
  }
  SocketGuard& guard() { return *guard_; }

 private:
  const TestCgroup& cgroup_;
  Plan plan_;
  std::uint32_t netns_{0};
  std::optional<SocketGuard> guard_;
  std::optional<Links> links_;
};

}  // namespace socklid::test
