// SPDX-License-Identifier: Apache-2.0
//
// Sockets of subjects, on a bare cgroup. Fails when a subject chooses a peer with a socket that a
// task made which was allowed more, when what it was handed goes on with nothing, when a mark is
// not the subjects', and when a packet leaves or arrives that a subject of the socket's maker does
// not name.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "tests/kernel/subjects/subject_fixture.hpp"

namespace socklid::test {
namespace {

/// A socket outside that answers, on a port of the kernel's choice.
class Peer {
 public:
  explicit Peer(int type) : fd_(::socket(AF_INET, type, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_.get(), any, size), 0);
    EXPECT_EQ(::getsockname(fd_.get(), any, &size), 0);
    port_ = ntohs(address.sin_port);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(::listen(fd_.get(), 64), 0);
    }
  }
  [[nodiscard]] std::string port() const { return std::to_string(port_); }

 private:
  UniqueFd fd_;
  std::uint16_t port_{0};
};

class SubjectSockets : public testing::Test {
 protected:
  SubjectContainer container{"sockets"};
  const Peer peer{SOCK_STREAM};
  const Peer unnamed{SOCK_STREAM};
  const Peer answers{SOCK_DGRAM};
  const Peer silent{SOCK_DGRAM};
  const std::string caged = container.program("caged");
  const std::string other = container.program("other");
  const std::string third = container.program("third");

  /// What `to` makes of a socket that `from` has made and sent to it.
  int handed(const Words& from, const Words& to) {
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    Words sends = from, takes = to;
    sends.insert(sends.end(), {"pass", std::to_string(pair[0]), "99"});
    takes.insert(takes.begin() + 1, {"receive", std::to_string(pair[1]), "99"});
    EXPECT_EQ(container.run(sends), 0);
    const int done = container.run(takes);
    ::close(pair[0]);
    ::close(pair[1]);
    return done;
  }
};

TEST_F(SubjectSockets, OfATaskThatMayMoreChooseNoPeer) {
  const Words inherited{other, "keep", "99", "exec", caged, "connect", "99", peer.port()};
  const Words of_its_own{caged, "keep", "99", "connect", "99", peer.port()};
  ASSERT_EQ(container.run(inherited), 0);
  ASSERT_EQ(handed({other, "keep", "99"}, {caged, "connect", "99", peer.port()}), 0);
  container.subject(0, caged, {{"io.socklid.bind", "tcp/80"}});
  container.enforce();
  EXPECT_EQ(container.run(of_its_own), 0);
  EXPECT_EQ(container.run(inherited), EPERM);
  EXPECT_EQ(handed({other, "keep", "99"}, {caged, "connect", "99", peer.port()}), EPERM);
  EXPECT_EQ(handed({caged, "keep", "99"}, {caged, "connect", "99", peer.port()}), 0);
  EXPECT_EQ(handed({caged, "keep", "99"}, {other, "connect", "99", peer.port()}), 0);
  EXPECT_EQ(container.denials(SL_REASON_FOREIGN), 2U);
}

TEST_F(SubjectSockets, FromOutsideChooseNoPeer) {
  container.subject(0, caged, {{"io.socklid.bind", "tcp/80"}});
  container.enforce();
  const UniqueFd made(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::dup2(made.get(), 99), 99);
  EXPECT_EQ(container.run({caged, "connect", "99", peer.port()}), EPERM);
  ::close(99);
}

TEST_F(SubjectSockets, HaveTheMarksOfTheirMakersSubjects) {
  container.subject(0, caged, {{"io.socklid.mark", "0x5/0xf"}});
  container.subject(1, third, {{"io.socklid.mark", "0x20/0xf0"}});
  container.enforce();
  EXPECT_EQ(container.run({other, "mark"}), 0);
  EXPECT_EQ(container.run({caged, "mark"}), 0x05);
  EXPECT_EQ(container.run({third, "mark"}), 0x20);
  EXPECT_EQ(container.run({caged, "exec", third, "mark"}), 0x25);
}

TEST_F(SubjectSockets, LieOverTheContainersMark) {
  SubjectContainer marked("marked", {{"io.socklid.mark", "0x41/0xff"}});
  const std::string program = marked.program("caged");
  const std::string none = marked.program("other");
  marked.subject(0, program, {{"io.socklid.mark", "0x2/0xf"}});
  marked.enforce();
  EXPECT_EQ(marked.run({none, "mark"}), 0x41);
  EXPECT_EQ(marked.run({program, "mark"}), 0x42);
  EXPECT_EQ(marked.run({program, "keep", "99", "connect", "99", peer.port()}), 0);
}

TEST_F(SubjectSockets, KeepTheirMarkWhoeverHasThem) {
  container.subject(0, caged, {{"io.socklid.mark", "0x5/0xf"}});
  container.subject(1, third, {{"io.socklid.bind", "tcp/80"}});
  container.enforce();
  const Words marks{caged, "keep", "99", "remark", "99"};
  EXPECT_EQ(container.run(marks), EPERM);
  // Who may mark sockets can, and gets no further with this one.
  EXPECT_EQ(handed({caged, "keep", "99"}, {other, "remark", "99"}), 0);
  EXPECT_EQ(handed({caged, "keep", "99"}, {other, "connect", "99", peer.port()}), 0);
  // A mark that nobody sets is the program's own business.
  EXPECT_EQ(container.run({third, "keep", "99", "remark", "99", "connect", "99", peer.port()}), 0);
}

TEST_F(SubjectSockets, SendToWhomTheirMakersSubjectsName) {
  const annotations::Annotations egress{
      {"io.socklid.egress", "tcp/" + peer.port() + " udp/" + answers.port()}};
  container.subject(0, caged, egress);
  container.enforce();
  EXPECT_EQ(container.run({caged, "connect-new", peer.port()}), 0);
  EXPECT_EQ(container.run({caged, "connect-new", unnamed.port()}), ECONNREFUSED);
  EXPECT_EQ(container.run({other, "connect-new", unnamed.port()}), 0);
  EXPECT_EQ(container.run({caged, "keep-udp", "99", "send", "99", answers.port()}), 0);
  EXPECT_EQ(container.run({caged, "keep-udp", "99", "send", "99", silent.port()}), EPERM);
  EXPECT_EQ(container.run({other, "keep-udp", "99", "send", "99", silent.port()}), 0);
  // Whoever has it now.
  EXPECT_EQ(handed({caged, "keep-udp", "99"}, {other, "send", "99", silent.port()}), EPERM);
  EXPECT_EQ(handed({caged, "keep-udp", "99"}, {other, "send", "99", answers.port()}), 0);
  EXPECT_GE(container.denials_of(0, SL_REASON_EGRESS), 3U);
}

TEST_F(SubjectSockets, OfTwoSubjectsSendToWhomBothName) {
  container.subject(0, caged,
                    {{"io.socklid.egress", "tcp/" + peer.port() + " tcp/" + unnamed.port()}});
  container.subject(1, third, {{"io.socklid.egress", "tcp/" + peer.port()}});
  container.enforce();
  EXPECT_EQ(container.run({caged, "connect-new", unnamed.port()}), 0);
  EXPECT_EQ(container.run({caged, "exec", third, "connect-new", unnamed.port()}), ECONNREFUSED);
  EXPECT_EQ(container.run({caged, "exec", third, "connect-new", peer.port()}), 0);
}

TEST_F(SubjectSockets, ListsOfASubjectAreItsOwn) {
  container.subject(0, caged, {{"io.socklid.connect", "tcp/" + peer.port()}});
  container.subject(1, third, {{"io.socklid.connect", "tcp/" + unnamed.port()}});
  container.enforce();
  EXPECT_EQ(container.run({caged, "connect-new", peer.port()}), 0);
  EXPECT_EQ(container.run({caged, "connect-new", unnamed.port()}), EPERM);
  EXPECT_EQ(container.run({third, "connect-new", peer.port()}), EPERM);
  EXPECT_EQ(container.run({third, "connect-new", unnamed.port()}), 0);
  EXPECT_EQ(container.run({caged, "exec", third, "connect-new", unnamed.port()}), EPERM);
}

}  // namespace
}  // namespace socklid::test
