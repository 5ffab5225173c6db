// SPDX-License-Identifier: Apache-2.0
//
// The program that counts multicast joins, on a bare cgroup. Fails when a container joins more
// groups than it may in its life, or faster; when it may not join one again that it has joined;
// when a value that 32-bit code would mean otherwise gets through; when a long value of another
// option is spoilt; and when the record outlives the container.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "annotations/parser.hpp"
#include "guard/guard.hpp"
#include "guard/pins.hpp"
#include "tests/kernel/cgroup_fixture.hpp"

namespace socklid::test {
namespace {

/// struct group_req as its bytes: 239.0.0.N or ff15::N on loopback.
using Request = std::array<char, sizeof(group_req)>;
Request request(int family, unsigned char last) {
  group_req wanted{};
  wanted.gr_interface = 1;
  wanted.gr_group.ss_family = static_cast<sa_family_t>(family);
  auto* address = reinterpret_cast<unsigned char*>(&wanted.gr_group);
  if (family == AF_INET) {
    address[4] = 239;
    address[7] = last;
  } else {
    address[8] = 0xff;
    address[9] = 0x15;
    address[23] = last;
  }
  Request bytes{};
  std::memcpy(bytes.data(), &wanted, sizeof(wanted));
  return bytes;
}

class Joins : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const auto policy = annotations::parse({{"io.socklid.egress", "udp/53"}});
    ASSERT_TRUE(policy);
    plan_ = compile(*policy);
    auto guard = SocketGuard::open(plan_.hooks, "/sys/fs/cgroup");
    ASSERT_TRUE(guard) << guard.error().message;
    guard_.emplace(std::move(*guard));
    auto links = guard_->attach(cgroup_.fd(), plan_.hooks);
    ASSERT_TRUE(links) << links.error().message;
    links_.emplace(std::move(*links));
    const auto written = guard_->write_policy({cgroup_.id(), 0, 0}, plan_);
    ASSERT_TRUE(written) << written.error().message;
    const std::string pin = pins::directory(object_hash()) + "/" + pins::joins;
    map_.reset(bpf_obj_get(pin.c_str()));
    ASSERT_TRUE(map_) << pin;
  }
  void TearDown() override { EXPECT_TRUE(guard_->forget(cgroup_.id())); }

  /// errno of setsockopt(2) in the container, on a new socket of a new network namespace.
  int set(int level, int option, const void* value, std::size_t size) const {
    return cgroup_.run([&] {
      if (::unshare(CLONE_NEWNET) != 0) return 200;
      const UniqueFd fd(::socket(GetParam(), SOCK_DGRAM, 0));
      if (!fd) return 201;
      return ::setsockopt(fd.get(), level, option, value, static_cast<socklen_t>(size)) == 0
                 ? 0
                 : errno;
    });
  }
  int join(const Request& wanted) const {
    return set(GetParam() == AF_INET ? int{IPPROTO_IP} : int{IPPROTO_IPV6}, MCAST_JOIN_GROUP,
               wanted.data(), wanted.size());
  }
  int join(unsigned char last) const { return join(request(GetParam(), last)); }

  /// Nothing if there is none.
  std::optional<sl_joins> record() const {
    sl_joins joins{};
    const std::uint64_t id = cgroup_.id();
    if (bpf_map_lookup_elem(map_.get(), &id, &joins) != 0) return std::nullopt;
    return joins;
  }
  /// As if the last new group had come long ago, and there had been so many.
  void rewrite(std::uint32_t count) const {
    auto joins = record();
    ASSERT_TRUE(joins);
    joins->last -= SL_JOIN_INTERVAL;
    joins->count = count;
    const std::uint64_t id = cgroup_.id();
    ASSERT_EQ(bpf_map_update_elem(map_.get(), &id, &*joins, BPF_EXIST), 0);
  }
  std::uint64_t denials() const { return guard_->denials(cgroup_.id())->count[SL_REASON_JOIN]; }

  const TestCgroup cgroup_{"joins"};
  Plan plan_;
  std::optional<SocketGuard> guard_;
  std::optional<Links> links_;
  UniqueFd map_;
};

TEST_P(Joins, NewGroupsComeOneASecondAndKnownOnesAtAnyTime) {
  EXPECT_EQ(join(1), 0);
  EXPECT_EQ(join(2), EPERM);
  EXPECT_EQ(join(1), 0);
  EXPECT_EQ(denials(), 1U);
  rewrite(1);
  EXPECT_EQ(join(2), 0);
  EXPECT_EQ(join(1), 0);
  EXPECT_EQ(join(2), 0);
  EXPECT_EQ(join(3), EPERM);
  EXPECT_EQ(record()->count, 2U);
}

TEST_P(Joins, TheSeventeenthGroupIsRefused) {
  EXPECT_EQ(join(1), 0);
  rewrite(SL_JOINED_GROUPS - 1);
  EXPECT_EQ(join(16), 0);
  rewrite(SL_JOINED_GROUPS);
  EXPECT_EQ(join(17), EPERM);
  EXPECT_EQ(join(16), 0);
  EXPECT_EQ(join(1), 0);
}

/// 32-bit code has the address four bytes earlier (include/net/compat.h).
TEST_P(Joins, AValueOfTwoMeaningsIsRefused) {
  Request wanted = request(GetParam(), 1);
  wanted[4] = AF_INET6;
  EXPECT_EQ(join(wanted), EPERM);
  EXPECT_FALSE(record());
}

TEST_P(Joins, TheOlderOptionCountsToo) {
  const Request bytes = request(GetParam(), 1);
  if (GetParam() == AF_INET) {
    ip_mreqn old{};
    old.imr_ifindex = 1;
    std::memcpy(&old.imr_multiaddr, &bytes[12], sizeof(old.imr_multiaddr));
    EXPECT_EQ(set(IPPROTO_IP, IP_ADD_MEMBERSHIP, &old, sizeof(old)), 0);
  } else {
    ipv6_mreq old{};
    old.ipv6mr_interface = 1;
    std::memcpy(&old.ipv6mr_multiaddr, &bytes[16], sizeof(old.ipv6mr_multiaddr));
    EXPECT_EQ(set(IPPROTO_IPV6, IPV6_JOIN_GROUP, &old, sizeof(old)), 0);
  }
  EXPECT_EQ(record()->count, 1U);
  EXPECT_EQ(join(1), 0);  // the same one
  EXPECT_EQ(record()->count, 1U);
}

TEST_P(Joins, OtherOptionsStayAsTheyWereGiven) {
  std::array<int, 4096> longer_than_a_page{};
  longer_than_a_page[0] = 1;
  EXPECT_EQ(set(SOL_SOCKET, SO_REUSEADDR, longer_than_a_page.data(), sizeof(longer_than_a_page)),
            0);
  EXPECT_EQ(set(SOL_SOCKET, SO_REUSEADDR, longer_than_a_page.data(), 1), EINVAL);
  EXPECT_FALSE(record());
}

TEST_P(Joins, TheRecordGoesWithTheContainer) {
  EXPECT_EQ(join(1), 0);
  EXPECT_TRUE(record());
  EXPECT_TRUE(guard_->forget(cgroup_.id()));
  EXPECT_FALSE(record());
}

INSTANTIATE_TEST_SUITE_P(Families, Joins, testing::Values(AF_INET, AF_INET6),
                         [](const testing::TestParamInfo<int>& family) {
                           return family.param == AF_INET ? "Ipv4" : "Ipv6";
                         });

}  // namespace
}  // namespace socklid::test
