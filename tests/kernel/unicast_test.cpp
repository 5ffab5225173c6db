// SPDX-License-Identifier: Apache-2.0
//
// Connections of datagram sockets that are judged by their packets. Fails when one of them may go
// to many, or when a peer that is named may not.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <thread>

#include "base/unique_fd.hpp"
#include "tests/kernel/guarded.hpp"

namespace socklid::test {
namespace {

int connect_udp(int fd, const char* address, std::uint16_t port) {
  if (std::strchr(address, ':') == nullptr) {
    sockaddr_in to = loopback(port);
    EXPECT_EQ(::inet_pton(AF_INET, address, &to.sin_addr), 1);
    return result(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)));
  }
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(port);
  to.sin6_scope_id = 1;
  EXPECT_EQ(::inet_pton(AF_INET6, address, &to.sin6_addr), 1);
  return result(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)));
}

int allow_broadcast(int fd) {
  const int on = 1;
  return result(::setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)));
}

/// The kernel copies what goes to many for the receivers of the same namespace, and no program is
/// asked about the copies.
TEST(Unicast, WhatGoesToManyIsJudgedWhereItIsConnected) {
  const TestCgroup cgroup("many");
  Guarded guarded(cgroup, {{"io.socklid.connect", "udp/53@127.0.0.2"}});
  guarded.write_at_home();
  const auto connects = [&cgroup](int family, const char* address) {
    return cgroup.run([family, address] {
      const UniqueFd fd(::socket(family, SOCK_DGRAM, 0));
      return connect_udp(fd.get(), address, 9);
    });
  };
  EXPECT_EQ(connects(AF_INET, "127.0.0.1"), 0) << "its packets are asked for";
  EXPECT_EQ(connects(AF_INET6, "::1"), 0);
  EXPECT_EQ(connects(AF_INET, "239.1.1.1"), EPERM);
  EXPECT_EQ(connects(AF_INET, "255.255.255.255"), EPERM);
  EXPECT_EQ(connects(AF_INET6, "ff02::1"), EPERM);
  EXPECT_EQ(connects(AF_INET6, "::ffff:239.1.1.1"), EPERM);
}

TEST(Unicast, ASocketWhosePacketsAreAskedForSendsNoBroadcasts) {
  const TestCgroup cgroup("broadcasts");
  Guarded guarded(cgroup, {{"io.socklid.connect", "udp/53@127.0.0.2"}});
  guarded.write_at_home();
  EXPECT_EQ(cgroup.run([] {
    const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM, 0));
    return allow_broadcast(fd.get()) != 0 ? 1 : connect_udp(fd.get(), "127.0.0.1", 9);
  }),
            EPERM);
  EXPECT_EQ(cgroup.run([] {
    const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM, 0));
    return connect_udp(fd.get(), "127.0.0.1", 9) != 0 ? 1 : allow_broadcast(fd.get());
  }),
            EPERM);
  EXPECT_EQ(cgroup.run([] {
    const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM, 0));
    return connect_udp(fd.get(), "127.0.0.2", 53) != 0 ? 1 : allow_broadcast(fd.get());
  }),
            0)
      << "its peer is named";
}

/// Of two threads at once one is refused.
TEST(Unicast, AConnectionAndABroadcastDoNotPassEachOther) {
  const TestCgroup cgroup("race");
  Guarded guarded(cgroup, {{"io.socklid.connect", "udp/53@127.0.0.2"}});
  guarded.write_at_home();
  EXPECT_EQ(cgroup.run([] {
    for (int i = 0; i < 1000; ++i) {
      const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM, 0));
      int connected = -1;
      std::thread other([&] { connected = connect_udp(fd.get(), "127.0.0.1", 9); });
      const int broadcast = allow_broadcast(fd.get());
      other.join();
      if (connected == broadcast) return 1;
    }
    return 0;
  }),
            0);
}

}  // namespace
}  // namespace socklid::test
