// SPDX-License-Identifier: Apache-2.0
//
// The loaded programs on bare cgroups, without any runtime. Fails when a policy that is not
// written yet lets anything through, when a verb is not refused with its errno or refused without
// its annotation, when a nested cgroup or another container is judged by the wrong policy, or
// when removing leaves something behind.
#include "guard/guard.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "tests/kernel/cgroup_fixture.hpp"
#include "tests/kernel/guarded.hpp"

namespace socklid::test {
namespace {

int create(int family, int type, int protocol = 0) {
  return result(UniqueFd(::socket(family, type, protocol)).release());
}

int bind_to(int type, std::uint16_t port) {
  const UniqueFd fd(::socket(AF_INET, type, 0));
  const sockaddr_in address = loopback(port);
  return result(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
}

/// A network namespace of the test's own in this child, so that ports are free and `lo` is ours.
void own_network() {
  if (::unshare(CLONE_NEWNET) != 0) ::_exit(200);
}

TEST(SocketGuard, APolicyNotYetWrittenDeniesEveryVerbButUnix) {
  const TestCgroup cgroup("unwritten");
  const Guarded guarded(cgroup, {{"io.socklid.create", "deny"}});
  EXPECT_EQ(cgroup.run([] { return create(AF_INET, SOCK_STREAM); }), EPERM);
  EXPECT_EQ(cgroup.run([] { return create(AF_NETLINK, SOCK_RAW); }), EPERM);
  EXPECT_EQ(cgroup.run([] { return create(AF_UNIX, SOCK_STREAM); }), 0);
}

TEST(SocketGuard, CreateDenyLeavesUnixAndReadingRoutes) {
  const TestCgroup cgroup("create");
  Guarded guarded(cgroup, {{"io.socklid.create", "deny"}});
  EXPECT_EQ(create(AF_INET, SOCK_STREAM), 0);  // outside the cgroup
  guarded.write();
  EXPECT_EQ(cgroup.run([] { return create(AF_INET, SOCK_STREAM); }), EPERM);
  EXPECT_EQ(cgroup.run([] { return create(AF_INET6, SOCK_DGRAM); }), EPERM);
  EXPECT_EQ(cgroup.run([] { return create(AF_INET, SOCK_STREAM, 262); }), EPROTONOSUPPORT);
  EXPECT_EQ(cgroup.run([] { return create(AF_PACKET, SOCK_RAW); }), EAFNOSUPPORT);
  EXPECT_EQ(cgroup.run([] { return create(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER); }),
            EPROTONOSUPPORT);
  EXPECT_EQ(cgroup.run([] { return create(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }), 0);
  EXPECT_EQ(cgroup.run([] { return create(AF_UNIX, SOCK_STREAM); }), 0);
  EXPECT_EQ(guarded.denials(SL_REASON_CREATE), 2u);
  EXPECT_EQ(guarded.denials(SL_REASON_PROTOCOL), 2u);
  EXPECT_EQ(guarded.denials(SL_REASON_FAMILY), 1u);
}

TEST(SocketGuard, ANestedCgroupIsUnderThePolicyOfTheOneAbove) {
  const TestCgroup cgroup("outer");
  const TestCgroup inner("inner", cgroup);
  const TestCgroup innermost("innermost", inner);
  Guarded guarded(cgroup, {{"io.socklid.create.udp", "deny"}});
  guarded.write();
  EXPECT_EQ(innermost.run([] { return create(AF_INET, SOCK_DGRAM); }), EPERM);
  EXPECT_EQ(innermost.run([] { return create(AF_INET, SOCK_STREAM); }), 0);
  EXPECT_EQ(innermost.run([] { return result(static_cast<int>(::syscall(SYS_bpf, 0, 0, 0))); }),
            EPERM);
  EXPECT_EQ(guarded.denials(SL_REASON_BPF), 1u);
}

TEST(SocketGuard, TwoContainersAreJudgedEachByItsOwn) {
  const TestCgroup first("first");
  const TestCgroup second("second");
  Guarded no_tcp(first, {{"io.socklid.create.tcp", "deny"}});
  Guarded no_udp(second, {{"io.socklid.create.udp", "deny"}});
  no_tcp.write();
  no_udp.write();
  EXPECT_EQ(first.run([] { return create(AF_INET, SOCK_STREAM); }), EPERM);
  EXPECT_EQ(first.run([] { return create(AF_INET, SOCK_DGRAM); }), 0);
  EXPECT_EQ(second.run([] { return create(AF_INET, SOCK_STREAM); }), 0);
  EXPECT_EQ(second.run([] { return create(AF_INET, SOCK_DGRAM); }), EPERM);
}

TEST(SocketGuard, BindAndListenFollowTheList) {
  const TestCgroup cgroup("bind");
  Guarded guarded(cgroup, {{"io.socklid.bind", "tcp/80 udp/53"}});
  guarded.write();
  EXPECT_EQ(cgroup.run([] { return own_network(), bind_to(SOCK_STREAM, 80); }), 0);
  EXPECT_EQ(cgroup.run([] { return own_network(), bind_to(SOCK_STREAM, 8080); }), EPERM);
  EXPECT_EQ(cgroup.run([] { return own_network(), bind_to(SOCK_DGRAM, 53); }), 0);
  EXPECT_EQ(cgroup.run([] { return own_network(), bind_to(SOCK_DGRAM, 0); }), 0);
  const auto listen_unnamed = [] {
    const UniqueFd fd(::socket(AF_INET6, SOCK_STREAM, 0));
    return result(::listen(fd.get(), 1));
  };
  EXPECT_EQ(cgroup.run(listen_unnamed), EPERM);
  const auto listen_ephemeral = [] {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
    const sockaddr_in any{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)) != 0) return 201;
    return result(::listen(fd.get(), 1));
  };
  EXPECT_EQ(cgroup.run(listen_ephemeral), EPERM);
  EXPECT_EQ(guarded.denials(SL_REASON_BIND), 3u);
}

TEST(SocketGuard, ASocketFromOutsideIsJudgedWhereItIsUsed) {
  const TestCgroup cgroup("handed_in");
  Guarded guarded(cgroup, {{"io.socklid.connect", "deny"}, {"io.socklid.listen", "deny"}});
  guarded.write();
  const UniqueFd tcp(::socket(AF_INET, SOCK_STREAM, 0));
  const UniqueFd udp(::socket(AF_INET, SOCK_DGRAM, 0));
  const sockaddr_in peer = loopback(9);
  const auto* address = reinterpret_cast<const sockaddr*>(&peer);
  EXPECT_EQ(cgroup.run([&] { return result(::connect(tcp.get(), address, sizeof(peer))); }), EPERM);
  EXPECT_EQ(cgroup.run([&] { return result(::listen(tcp.get(), 1)); }), EPERM);
  const auto send = [&] {
    return result(static_cast<int>(::sendto(udp.get(), "x", 1, 0, address, sizeof(peer))));
  };
  EXPECT_EQ(send(), 0);  // outside the cgroup
  EXPECT_EQ(cgroup.run(send), EPERM);
  const auto fast_open = [&] {
    return result(
        static_cast<int>(::sendto(tcp.get(), "x", 1, MSG_FASTOPEN, address, sizeof(peer))));
  };
  EXPECT_EQ(cgroup.run(fast_open), EPERM);
}

TEST(SocketGuard, EveryNewSocketCarriesTheMark) {
  const TestCgroup cgroup("mark");
  Guarded guarded(cgroup, {{"io.socklid.mark", "3"}});
  guarded.write();
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
      EXPECT_EQ(cgroup.run([&] {
        const UniqueFd fd(::socket(family, type, 0));
        int mark = 0;
        socklen_t size = sizeof(mark);
        ::getsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, &size);
        return mark;
      }),
                3);
    }
  }
}

/// One message, alone or behind a harmless one; what the kernel or our program says to it.
int send_route_message(std::uint16_t type, bool behind_a_read) {
  struct Message {
    nlmsghdr header;
    ifinfomsg body;
  };
  std::array<Message, 2> messages{};
  const auto fill = [](Message& message, std::uint16_t kind) {
    message.header.nlmsg_len = sizeof(Message);
    message.header.nlmsg_type = kind;
    message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
  };
  fill(messages[0], behind_a_read ? std::uint16_t{RTM_GETLINK} : type);
  fill(messages[1], type);
  const UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  const std::size_t size = behind_a_read ? sizeof(messages) : sizeof(Message);
  return result(static_cast<int>(::send(fd.get(), messages.data(), size, 0)));
}

TEST(SocketGuard, RoutingNetlinkMayBeReadAndNotWritten) {
  const TestCgroup cgroup("netlink");
  Guarded guarded(cgroup, {{"io.socklid.create", "deny"}});
  guarded.write();
  for (const std::uint16_t type : {RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK, RTM_NEWROUTE, RTM_DELADDR,
                                   RTM_NEWQDISC, RTM_NEWTFILTER}) {
    EXPECT_EQ(cgroup.run([&] { return send_route_message(type, false); }), EPERM) << type;
    EXPECT_EQ(cgroup.run([&] { return send_route_message(type, true); }), EPERM) << type;
  }
  for (const std::uint16_t type : {RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE}) {
    EXPECT_EQ(cgroup.run([&] { return send_route_message(type, true); }), 0) << type;
  }
}

TEST(SocketGuard, ShutdownDenyLeavesCloseAndUnix) {
  const TestCgroup cgroup("shutdown");
  Guarded guarded(cgroup, {{"io.socklid.shutdown", "deny"}});
  guarded.write();
  EXPECT_EQ(cgroup.run([] {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
    return result(::shutdown(fd.get(), SHUT_RDWR));
  }),
            EPERM);
  EXPECT_EQ(cgroup.run([] {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) != 0) return 201;
    return result(::shutdown(pair[0], SHUT_RDWR));
  }),
            0);
}

TEST(SocketGuard, AMarkCannotBeChangedByWhoHasTheCapability) {
  const TestCgroup cgroup("setsockopt");
  Guarded guarded(cgroup, {{"io.socklid.mark", "3"}, {"io.socklid.egress", ""}});
  guarded.write();
  EXPECT_EQ(cgroup.run([] {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
    const int mark = 7;
    return result(::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof(mark)));
  }),
            EPERM);
  EXPECT_EQ(guarded.denials(SL_REASON_MARK), 1u);
}

/// Sends one datagram to itself with `count` control messages, of which the last sets a mark.
int send_with_mark(int count) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in to = loopback(9);
  std::array<char, CMSG_SPACE(sizeof(int)) * 20> control{};
  iovec data{const_cast<char*>("x"), 1};
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof(to);
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(sizeof(int)) * static_cast<std::size_t>(count);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  for (int i = 0; i < count; i++, header = CMSG_NXTHDR(&message, header)) {
    const bool last = i + 1 == count;
    header->cmsg_level = last ? SOL_SOCKET : IPPROTO_IP;
    header->cmsg_type = last ? SO_MARK : IP_TTL;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int value = 7;
    std::memcpy(CMSG_DATA(header), &value, sizeof(value));
  }
  return result(static_cast<int>(::sendmsg(fd.get(), &message, 0)));
}

TEST(SocketGuard, AControlMessageChangesNoMark) {
  const TestCgroup cgroup("control");
  EXPECT_EQ(cgroup.run([] { return send_with_mark(1); }), 0);
  Guarded guarded(cgroup, {{"io.socklid.mark", "3"}});
  guarded.write();
  EXPECT_EQ(cgroup.run([] { return send_with_mark(0); }), 0);
  for (const int count : {1, 2, 16}) {
    EXPECT_EQ(cgroup.run([&] { return send_with_mark(count); }), EPERM) << count;
  }
  EXPECT_EQ(guarded.denials(SL_REASON_MARK), 3u);
  EXPECT_EQ(cgroup.run([] { return send_with_mark(17); }), EPERM) << "too many to look at";
}

TEST(SocketGuard, TakenOffTheCgroupIsFreeAndTheMapsForget) {
  const TestCgroup cgroup("removal");
  {
    Guarded guarded(cgroup, {{"io.socklid.create", "deny"}});
    guarded.write();
    EXPECT_EQ(cgroup.run([] { return create(AF_INET, SOCK_STREAM); }), EPERM);
  }
  EXPECT_EQ(cgroup.run([] { return create(AF_INET, SOCK_STREAM); }), 0);
  auto guard = SocketGuard::open({}, mount);
  ASSERT_TRUE(guard);
  const auto known = guard->known_cgroups();
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_TRUE(known->empty());
}

TEST(SocketGuard, APinnedLinkOutlivesItsMakerAndKnowsItsCgroup) {
  const TestCgroup cgroup("pinned");
  const std::string directory = std::string(bpffs_root) + "/pin_test";
  {
    auto guard = SocketGuard::open({Hook::socket_create}, mount);
    ASSERT_TRUE(guard) << guard.error().message;
    ASSERT_EQ(::mkdir(directory.c_str(), 0700), 0);
    const auto links = guard->attach(cgroup.fd(), {Hook::socket_create});
    ASSERT_TRUE(links);
    ASSERT_TRUE(links->pin(directory));
  }
  EXPECT_EQ(cgroup.run([] { return create(AF_INET, SOCK_STREAM); }), EPERM);
  const std::string path = directory + "/socket_create";
  const auto link = inspect_link(path);
  ASSERT_TRUE(link) << link.error().message;
  EXPECT_EQ(link->cgroup_id, cgroup.id());
  EXPECT_EQ(::unlink(path.c_str()), 0);
  EXPECT_EQ(::rmdir(directory.c_str()), 0);
}

TEST(SocketGuard, UnloadLeavesNothing) {
  ASSERT_TRUE(SocketGuard::open({Hook::socket_bind}, mount));
  ASSERT_TRUE(SocketGuard::unload(object_hash(), mount));
  EXPECT_NE(::access((std::string(bpffs_root) + "/programs").c_str(), F_OK), 0);
  EXPECT_NE(::access((mount + "/" + std::string(anchor_cgroup)).c_str(), F_OK), 0);
  ASSERT_TRUE(SocketGuard::unload(object_hash(), mount));
  const auto slots = SocketGuard::slots();
  ASSERT_TRUE(slots) << slots.error().message;
  EXPECT_EQ(slots->ours, 0u);
}

}  // namespace
}  // namespace socklid::test
