// SPDX-License-Identifier: Apache-2.0
//
// Fails if what somebody in the network namespace writes to our netlink socket passes for the
// kernel's answer, so that rules which are gone are still told of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "tests/kernel/nft_fixture.hpp"

namespace socklid::test {
namespace {

class NftForged : public NftKernelTest {};

constexpr std::uint8_t inet =
    1;  // NFPROTO_INET, whose header and the C library's exclude each other

/// A table of our name in the words of the kernel, as an answer to a dump or as its end.
std::string forged(std::uint16_t type, const std::string& table) {
  std::string attribute(sizeof(nlattr), '\0');
  attribute.append(table).append(4 - table.size() % 4, '\0');
  const nlattr head{.nla_len = static_cast<__u16>(sizeof(nlattr) + table.size() + 1),
                    .nla_type = NFTA_TABLE_NAME};
  std::memcpy(attribute.data(), &head, sizeof(head));
  const nfgenmsg family{.nfgen_family = inet, .version = 0, .res_id = 0};
  const nlmsghdr header{
      .nlmsg_len = static_cast<__u32>(sizeof(nlmsghdr) + sizeof(family) + attribute.size()),
      .nlmsg_type = type,
      .nlmsg_flags = NLM_F_MULTI,
      .nlmsg_seq = 1,
      .nlmsg_pid = 0};
  std::string message(sizeof(header) + sizeof(family), '\0');
  std::memcpy(message.data(), &header, sizeof(header));
  std::memcpy(message.data() + sizeof(header), &family, sizeof(family));
  return message + attribute;
}

/// Sends it to every other netfilter socket of this thread's namespace; how many took it.
int send_to_others(const std::string& message) {
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  std::ifstream sockets("/proc/thread-self/net/netlink");
  std::string line;
  int taken = 0;
  while (std::getline(sockets, line)) {
    std::istringstream words(line);
    std::string address;
    int protocol = -1;
    std::uint32_t port = 0;
    if (!(words >> address >> protocol >> port) || protocol != NETLINK_NETFILTER || port == 0)
      continue;
    sockaddr_nl to{};
    to.nl_family = AF_NETLINK;
    to.nl_pid = port;
    taken += ::sendto(socket.get(), message.data(), message.size(), 0,
                      reinterpret_cast<const sockaddr*>(&to), sizeof(to)) > 0;
  }
  return taken;
}

/// Whoever has CAP_NET_ADMIN in the namespace can write to the sockets of others in it.
TEST_F(NftForged, BelievesNobodyButTheKernel) {
  const Namespace space;
  std::optional<NetlinkSocket> ours;
  UniqueFd control;
  int taken = 0;
  space.run([&] {
    control.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    sockaddr_nl any{};
    any.nl_family = AF_NETLINK;
    ASSERT_EQ(::bind(control.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
    ours.emplace(netlink(space));
    ASSERT_THAT(tables(*ours).value(), testing::IsEmpty());  // it has a port from now on
    taken = send_to_others(forged(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, "socklid")) +
            send_to_others(forged(NLMSG_DONE, "socklid"));
  });
  EXPECT_EQ(taken, 2) << "the control, which is connected to nobody, and it alone";
  EXPECT_THAT(tables(*ours).value(), testing::IsEmpty());
  EXPECT_EQ(owner(*ours, "socklid").value(), std::nullopt);
}

}  // namespace
}  // namespace socklid::test
