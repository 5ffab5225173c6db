// SPDX-License-Identifier: Apache-2.0
//
// Fails if a packet gets out past the lists: forwarded, by a route it carries itself, through a
// device that came later; or if IPv6 cannot come up under the rules.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/ip6.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "tests/kernel/nft_fixture.hpp"

namespace socklid::test {
namespace {

TEST_F(NftPackets, NothingIsForwarded) {
  net->box.shell(
      "sysctl -qw net.ipv4.ip_forward=1; ip route add 198.51.100.0/24 via 10.7.0.2 dev box0");
  net->peer.shell("ip route add 198.51.100.0/24 via 10.7.0.1 dev peer0");
  enforce("udp tcp icmp", "udp/9");
  EXPECT_EQ(net->peer.send("198.51.100.1", 9), 0);
  EXPECT_TRUE(comes_to_count("io.socklid.egress: forwarded", 1));
}

/// An IPv6 packet with a routing header of this type, marked, as written by hand.
void send_routed(const std::string& from, const std::string& to, std::uint8_t type) {
  std::array<std::uint8_t, 40 + 24 + 8> packet{0x60};
  packet[5] = 24 + 8;  // payload length
  packet[6] = IPPROTO_ROUTING;
  packet[7] = 64;  // hop limit
  ASSERT_EQ(::inet_pton(AF_INET6, from.c_str(), &packet[8]), 1);
  ASSERT_EQ(::inet_pton(AF_INET6, to.c_str(), &packet[24]), 1);
  packet[40] = IPPROTO_UDP;
  packet[41] = 2;  // 8 octets more than the first 8, twice
  packet[42] = type;
  ASSERT_EQ(::inet_pton(AF_INET6, to.c_str(), &packet[48]), 1);
  packet[64 + 3] = 9;  // to port 9
  packet[64 + 5] = 8;
  const UniqueFd fd(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &test_mark.value, sizeof(test_mark.value));
  sockaddr_in6 where{};
  where.sin6_family = AF_INET6;
  ASSERT_EQ(::inet_pton(AF_INET6, to.c_str(), &where.sin6_addr), 1);
  ::sendto(fd.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&where),
           sizeof(where));
}

TEST_F(NftPackets, NoRoutingHeaderPasses) {
  enforce("udp tcp icmp", "udp/9");
  net->box.run([] {
    for (const std::uint8_t type : {std::uint8_t{0}, std::uint8_t{4}}) {
      send_routed("fd07::1", "fd07::2", type);
    }
  });
  net->peer.run([] { send_routed("fd07::2", "fd07::1", 4); });
  EXPECT_TRUE(comes_to_count("io.socklid.egress: routing header", 2));
  EXPECT_TRUE(comes_to_count("io.socklid.bind: routing header", 1));
}

TEST_F(NftPackets, NoSourceRoutePasses) {
  enforce("udp");
  net->box.run([] {
    for (const std::uint8_t option : {std::uint8_t{131}, std::uint8_t{137}}) {
      const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &test_mark.value, sizeof(test_mark.value));
      const std::array<std::uint8_t, 8> route{option, 7, 4, 10, 7, 0, 2, 0};
      ASSERT_EQ(::setsockopt(fd.get(), IPPROTO_IP, IP_OPTIONS, route.data(), route.size()), 0);
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = htons(9);
      ::inet_pton(AF_INET, "198.51.100.1", &to.sin_addr);
      EXPECT_EQ(::sendto(fd.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)), -1);
      EXPECT_EQ(errno, EPERM);
    }
  });
  EXPECT_EQ(count("io.socklid.egress: loose source route"), 1U);
  EXPECT_EQ(count("io.socklid.egress: strict source route"), 1U);
}

class NftFromScratch : public NftKernelTest {};

/// As for a container whose network is set up after our hook: rules first, then everything that
/// IPv6 does by itself, duplicate address detection, MLD reports and neighbour discovery.
TEST_F(NftFromScratch, Ipv6ComesUpUnderTheRules) {
  const TwoNamespaces net(false);
  install_in(net.box, rules(policy("tcp/443", "tcp/80")));
  net.peer.shell("ip link set lo up; ip -6 addr add fd07::2/64 dev peer0; ip link set peer0 up");
  net.box.shell("ip link set lo up; ip -6 addr add fd07::1/64 dev box0; ip link set box0 up");
  for (int i = 0; i < 50; ++i) {
    if (net.box.shell("ip -6 addr show tentative").empty() &&
        net.peer.shell("ip -6 addr show tentative").empty()) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(net.box.shell("ip -6 addr show tentative"), "");
  EXPECT_EQ(net.box.shell("ip -6 addr show dadfailed"), "");
  const UniqueFd server = net.peer.listen(443);
  const UniqueFd service = net.box.listen(80, marked);
  EXPECT_EQ(net.box.connect("fd07::2", 443, marked), 0);
  net.box.shell("ip neigh flush dev box0");
  net.peer.shell("ip neigh flush dev peer0");
  EXPECT_EQ(net.peer.connect("fd07::1", 80), 0);
  EXPECT_EQ(counted(net.box, unmarked), 0U) << "of what the kernel sends by itself";
}

/// The rules name no device: they hold for one that comes later.
TEST_F(NftFromScratch, ALaterDeviceIsUnderTheRules) {
  const TwoNamespaces net(false);
  install_in(net.box, rules(policy("tcp/443")));
  net.peer.shell("ip addr add 10.7.0.2/24 dev peer0; ip link set peer0 up");
  net.box.shell(
      "ip link set lo up; ip addr add 10.7.0.1/24 dev box0; ip link set box0 name lo1; "
      "ip link set lo1 up");
  const UniqueFd listener = net.peer.listen(444);
  EXPECT_EQ(net.box.connect("10.7.0.2", 444, marked), ECONNREFUSED);
}

}  // namespace
}  // namespace socklid::test
