// SPDX-License-Identifier: Apache-2.0
//
// Fails if a real packet between two namespaces is let through, refused or counted otherwise than
// the rules say. The sockets' marks, which BPF sets elsewhere, are set by the test itself.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include "annotations/subject.hpp"
#include "tests/kernel/nft_fixture.hpp"

namespace socklid::test {
namespace {

using annotations::Otherwise;
using annotations::Policy;
constexpr std::string_view not_the_sockets = "io.socklid.mark: not the mark of its socket";

TEST_F(NftPackets, OutOnlyToWhatEgressNames) {
  const UniqueFd allowed = net->peer.listen(443);
  const UniqueFd other = net->peer.listen(444);
  enforce("tcp/443@10.7.0.2 tcp/443@fd07::2");
  EXPECT_EQ(net->box.connect("10.7.0.2", 443, marked), 0);
  EXPECT_EQ(net->box.connect("fd07::2", 443, marked), 0);
  EXPECT_EQ(count(not_named), 0U);
  for (const auto* address : {"10.7.0.2", "fd07::2"}) {
    EXPECT_EQ(net->box.connect(address, 444, marked), ECONNREFUSED) << address;
  }
  EXPECT_EQ(net->box.connect("10.7.0.3", 443, marked), ECONNREFUSED);
  EXPECT_EQ(net->box.connect("fd07::3", 443, marked), ECONNREFUSED);
  EXPECT_EQ(count(not_named), 4U);
  EXPECT_EQ(count(unmarked), 0U);
}

TEST_F(NftPackets, OutByPrefixAndByRange) {
  const UniqueFd a = net->peer.listen(443);
  const UniqueFd b = net->peer.listen(1500);
  const UniqueFd c = net->peer.listen(2500);
  enforce("tcp/443@10.0.0.0/8 tcp/1000-2000@10.7.0.0/16 tcp/1400-1600@fd00::/8 tcp/3@10.7.0.2");
  for (const std::uint16_t port : {std::uint16_t{443}, std::uint16_t{1500}}) {
    EXPECT_EQ(net->box.connect("10.7.0.2", port, marked), 0) << port;
  }
  EXPECT_EQ(net->box.connect("fd07::2", 1500, marked), 0);
  EXPECT_EQ(net->box.connect("10.7.0.2", 2500, marked), ECONNREFUSED);
  EXPECT_EQ(net->box.connect("fd07::2", 2500, marked), ECONNREFUSED);
}

TEST_F(NftPackets, OutOfOneOfTenThousandEndpoints) {
  const UniqueFd listener = net->peer.listen(443);
  const UniqueFd other = net->peer.listen(444);
  Policy asked = policy("tcp/443@10.7.0.2");
  for (std::uint32_t i = 0; i < 10000; ++i) {
    const auto port = static_cast<std::uint16_t>(i);
    annotations::Prefix prefix{annotations::AddressFamily::ipv4, {172, 16}, 32};
    prefix.address[2] = static_cast<std::uint8_t>(i >> 8);
    prefix.address[3] = static_cast<std::uint8_t>(i);
    asked.egress->push_back({annotations::Protocol::tcp, {port, port}, prefix});
  }
  install_in(net->box, rules(asked));
  EXPECT_EQ(net->box.connect("10.7.0.2", 443, marked), 0);
  EXPECT_EQ(net->box.connect("10.7.0.2", 444, marked), ECONNREFUSED);
}

TEST_F(NftPackets, ARefusalIsFeltAtOnce) {
  enforce("");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(net->box.connect("10.7.0.2", 443, marked), ECONNREFUSED);
  EXPECT_EQ(net->box.connect("fd07::2", 443, marked), ECONNREFUSED);
  EXPECT_EQ(net->box.send("10.7.0.2", 53, marked), EPERM);
  EXPECT_EQ(net->box.send("fd07::2", 53, marked), EPERM);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(400));
}

TEST_F(NftPackets, ARefusalIsSilentIfDropped) {
  enforce("", "", Otherwise::drop);
  EXPECT_EQ(net->box.connect("10.7.0.2", 443, marked), ETIMEDOUT);
  EXPECT_EQ(net->box.connect("fd07::2", 443, marked), ETIMEDOUT);
  EXPECT_GE(count(not_named), 2U);
}

TEST_F(NftPackets, OutOnlyWithTheMark) {
  const UniqueFd listener = net->peer.listen(443);
  enforce("tcp/443 udp");
  EXPECT_EQ(net->box.connect("10.7.0.2", 443), ECONNREFUSED);
  EXPECT_EQ(net->box.connect("fd07::2", 443, {.mark = 4}), ECONNREFUSED);
  EXPECT_EQ(net->box.send("10.7.0.2", 53), EPERM);
  EXPECT_GE(count(unmarked), 3U);
  EXPECT_EQ(net->box.connect("10.7.0.2", 443, {.mark = 0x7f000003}), 0) << "outside the mask";
}

TEST_F(NftPackets, OutOnlyWithTheMarkOfTheSocketItself) {
  enforce("udp/53");
  net->box.run([] {
    const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(53);
    ::inet_pton(AF_INET, "10.7.0.2", &to.sin_addr);
    char byte = 'x';
    iovec data{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint32_t))> control{};
    msghdr message{};
    message.msg_name = &to;
    message.msg_namelen = sizeof(to);
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SO_MARK;
    header->cmsg_len = CMSG_LEN(sizeof(std::uint32_t));
    std::memcpy(CMSG_DATA(header), &test_mark.value, sizeof(test_mark.value));
    EXPECT_EQ(::sendmsg(fd.get(), &message, 0), -1);
    EXPECT_EQ(errno, EPERM);
  });
  EXPECT_EQ(count(not_the_sockets), 1U);
}

TEST_F(NftPackets, OutWithTheMarkOfASubjectToo) {
  const UniqueFd listener = net->peer.listen(443);
  const UniqueFd server = net->peer.receive(53);
  annotations::Policy asked = policy("tcp/443 udp/53");
  annotations::Subject subject;
  subject.name = "five";
  subject.exec = {"/usr/bin/five"};
  subject.policy.mark = annotations::Mark{5};
  asked.subjects = {subject};
  install_in(net->box, rules(asked));
  for (const SocketOptions& ours : {marked, SocketOptions{.mark = 5}}) {
    EXPECT_EQ(net->box.connect("10.7.0.2", 443, ours), 0);
    EXPECT_EQ(net->box.connect("fd07::2", 443, ours), 0);
    EXPECT_EQ(net->box.connect("10.7.0.2", 444, ours), ECONNREFUSED);
    EXPECT_EQ(net->box.send("10.7.0.2", 53, ours), 0);
  }
  EXPECT_EQ(count(unmarked), 0U);
  EXPECT_EQ(net->box.send("10.7.0.2", 53, {.mark = 4}), EPERM);
  EXPECT_EQ(net->box.connect("fd07::2", 443, {.mark = 7}), ECONNREFUSED);
  EXPECT_GE(count(unmarked), 2U);
}

TEST_F(NftPackets, DatagramsAndTheirAnswers) {
  const UniqueFd server = net->peer.receive(53);
  enforce("udp/53@10.7.0.2 udp/53@fd07::2");
  for (const auto* address : {"10.7.0.2", "fd07::2"}) {
    const UniqueFd client = net->box.open(SOCK_DGRAM, address, 53, marked);
    ASSERT_EQ(::send(client.get(), "q", 1, 0), 1) << address;
    ASSERT_TRUE(readable(server)) << address;
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    char byte = 0;
    ::recvfrom(server.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &size);
    ::sendto(server.get(), "a", 1, 0, reinterpret_cast<const sockaddr*>(&from), size);
    EXPECT_TRUE(readable(client)) << address;
  }
  EXPECT_EQ(net->box.send("10.7.0.2", 54, marked), EPERM);
}

TEST_F(NftPackets, LoopbackIsFree) {
  const UniqueFd listener = net->box.listen(5432);
  enforce("");
  EXPECT_EQ(net->box.connect("127.0.0.1", 5432), 0);
  EXPECT_EQ(net->box.connect("::1", 5432), 0);
  EXPECT_EQ(net->box.connect("10.7.0.1", 5432), 0) << "an own address is reached over loopback";
}

TEST_F(NftPackets, InOnlyToWhatBindNames) {
  const UniqueFd served = net->box.listen(80, marked);
  const UniqueFd back_door = net->box.listen(81, marked);
  enforce("", "tcp/80");
  EXPECT_EQ(net->peer.connect("10.7.0.1", 80), 0);
  EXPECT_EQ(net->peer.connect("fd07::1", 80), 0);
  EXPECT_EQ(net->peer.connect("10.7.0.1", 81), ECONNREFUSED);
  EXPECT_EQ(net->peer.connect("fd07::1", 81), ECONNREFUSED);
  EXPECT_EQ(count(not_bound), 2U);
  EXPECT_EQ(count(not_named), 0U) << "the reset leaves, whatever egress names";
}

TEST_F(NftPackets, WhoIsRefusedIsToldAtOnce) {
  enforce("tcp/25@10.7.0.2", "tcp/25");
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(net->peer.connect("10.7.0.1", 113), ECONNREFUSED);
    EXPECT_EQ(net->peer.connect("fd07::1", 113), ECONNREFUSED);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(600));
  EXPECT_EQ(count(not_bound), 6U);
  EXPECT_EQ(count(not_named), 0U);
}

TEST_F(NftPackets, WhoIsRefusedIsNotToldIfDropped) {
  enforce("", "tcp/80", Otherwise::drop);
  EXPECT_EQ(net->peer.connect("10.7.0.1", 81), ETIMEDOUT);
  EXPECT_EQ(net->peer.connect("fd07::1", 81), ETIMEDOUT);
  EXPECT_GE(count(not_bound), 2U);
  EXPECT_EQ(net->box.connect("10.7.0.2", 443), ETIMEDOUT) << "unmarked";
}

TEST_F(NftPackets, InOnlyToTheAddressThatBindNames) {
  const UniqueFd listener = net->box.listen(80, marked);
  enforce("", "tcp/80@10.7.0.1 tcp/81@fd07::1");
  EXPECT_EQ(net->peer.connect("10.7.0.1", 80), 0);
  EXPECT_EQ(net->peer.connect("fd07::1", 80), ECONNREFUSED);
}

TEST_F(NftPackets, InToTheWildcardAddress) {
  const UniqueFd one = net->box.listen(80, marked);
  const UniqueFd two = net->box.listen(81, marked);
  enforce("", "tcp/80@:: tcp/81@0.0.0.0");
  EXPECT_EQ(net->peer.connect("10.7.0.1", 80), 0);
  EXPECT_EQ(net->peer.connect("fd07::1", 80), 0);
  EXPECT_EQ(net->peer.connect("10.7.0.1", 81), 0);
  EXPECT_EQ(net->peer.connect("fd07::1", 81), ECONNREFUSED);
}

TEST_F(NftPackets, InIsClosedWithoutBind) {
  const UniqueFd listener = net->box.listen(80, marked);
  enforce("tcp/443");
  EXPECT_EQ(net->peer.connect("10.7.0.1", 80), ECONNREFUSED);
  EXPECT_GE(count(not_bound), 1U);
}

TEST_F(NftPackets, ADatagramServiceAnswers) {
  const UniqueFd server = net->box.receive(53, marked);
  enforce("", "udp/53");
  const UniqueFd client = net->peer.open(SOCK_DGRAM, "10.7.0.1", 53);
  ASSERT_EQ(::send(client.get(), "q", 1, 0), 1);
  ASSERT_TRUE(readable(server));
  sockaddr_storage from{};
  socklen_t size = sizeof(from);
  char byte = 0;
  ::recvfrom(server.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &size);
  EXPECT_EQ(::sendto(server.get(), "a", 1, 0, reinterpret_cast<sockaddr*>(&from), size), 1);
  EXPECT_TRUE(readable(client));
}

TEST_F(NftPackets, AServedPortBeginsNoConnection) {
  const UniqueFd listener = net->peer.listen(9999);
  enforce("", "tcp/80 udp/53");
  EXPECT_EQ(net->box.connect("10.7.0.2", 9999, {test_mark.value, 80}), ECONNREFUSED);
  EXPECT_EQ(count(not_named), 1U);
  // Of a datagram the rules cannot tell whether it answers: the container's own programs do.
  EXPECT_EQ(net->box.send("10.7.0.2", 9999, {test_mark.value, 53}), 0);
}

TEST_F(NftPackets, ABackDoorGetsNoAnswerOutEvenIfItWasReached) {
  const UniqueFd served = net->box.listen(80, marked);
  const UniqueFd back_door = net->box.listen(81, marked);
  enforce("", "tcp/80");
  open_input();
  EXPECT_EQ(net->peer.connect("10.7.0.1", 80), 0);
  EXPECT_EQ(net->peer.connect("10.7.0.1", 81), ETIMEDOUT);
  EXPECT_EQ(net->peer.connect("fd07::1", 81), ETIMEDOUT);
  EXPECT_GE(count(not_named), 2U) << "its SYN-ACK carries the mark";
}

TEST_F(NftPackets, AServedPortNobodyListensOnRefuses) {
  enforce("", "tcp/80 udp/53");
  EXPECT_EQ(net->peer.connect("10.7.0.1", 80), ECONNREFUSED);
  EXPECT_EQ(net->peer.connect("fd07::1", 80), ECONNREFUSED);
  const UniqueFd client = net->peer.open(SOCK_DGRAM, "10.7.0.1", 53);
  ASSERT_EQ(::send(client.get(), "q", 1, 0), 1);
  char byte = 0;
  EXPECT_FALSE(readable(client));
  EXPECT_EQ(::recv(client.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, ECONNREFUSED) << "port unreachable, an error of a known flow";
}

TEST_F(NftPackets, AResetWithoutSocketGetsOut) {
  const UniqueFd listener = net->peer.listen(443);
  enforce("tcp/443");
  UniqueFd client = net->box.open(SOCK_STREAM, "10.7.0.2", 443, marked);
  ASSERT_TRUE(client);
  const UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(server);
  const int on = 1;  // a socket under repair is closed without a word
  ASSERT_EQ(::setsockopt(client.get(), SOL_TCP, TCP_REPAIR, &on, sizeof(on)), 0);
  client.reset();
  ASSERT_EQ(::send(server.get(), "x", 1, MSG_NOSIGNAL), 1);
  const timeval patience{10, 0};
  ::setsockopt(server.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  char nothing = 0;
  EXPECT_EQ(::recv(server.get(), &nothing, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(count(unmarked), 0U);
}

TEST_F(NftPackets, EchoesAreAnsweredAndAskedOnlyIfNamed) {
  enforce("");
  EXPECT_TRUE(net->peer.echo("10.7.0.1"));
  EXPECT_TRUE(net->peer.echo("fd07::1"));
  EXPECT_FALSE(net->box.echo("10.7.0.2", marked));
  EXPECT_FALSE(net->box.echo("fd07::2", marked));
  enforce("icmp");
  EXPECT_TRUE(net->box.echo("10.7.0.2", marked));
  EXPECT_TRUE(net->box.echo("fd07::2", marked));
  EXPECT_FALSE(net->box.echo("10.7.0.2")) << "unmarked";
}

TEST_F(NftPackets, ErrorsFromOutsideArrive) {
  enforce("udp/9");
  const UniqueFd client = net->box.open(SOCK_DGRAM, "10.7.0.2", 9, marked);
  ASSERT_EQ(::send(client.get(), "x", 1, 0), 1);
  char byte = 0;
  EXPECT_FALSE(readable(client));
  EXPECT_EQ(::recv(client.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

}  // namespace
}  // namespace socklid::test
