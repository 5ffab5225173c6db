// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/nft_namespaces.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace socklid::test {
namespace {

constexpr int patience_ms = 400;

/// In the child of the constructor: tells when the namespace is there, and waits to be killed.
[[noreturn]] void hold(int ready) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const char done = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
  if (::write(ready, &done, 1) != 1) ::_exit(1);
  for (;;) ::pause();
}

sockaddr_storage socket_address(const std::string& text, std::uint16_t port, socklen_t& size) {
  sockaddr_storage storage{};
  if (text.find(':') == std::string::npos) {
    auto* address = reinterpret_cast<sockaddr_in*>(&storage);
    address->sin_family = AF_INET;
    address->sin_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET, text.c_str(), &address->sin_addr), 1) << text;
    size = sizeof(sockaddr_in);
  } else {
    auto* address = reinterpret_cast<sockaddr_in6*>(&storage);
    address->sin6_family = AF_INET6;
    address->sin6_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &address->sin6_addr), 1) << text;
    size = sizeof(sockaddr_in6);
  }
  return storage;
}

/// A socket with its options, bound if they name a port.
UniqueFd prepared(int family, int type, int protocol, SocketOptions options) {
  UniqueFd fd(::socket(family, type | SOCK_CLOEXEC, protocol));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (options.mark != 0) {
    EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &options.mark, sizeof(options.mark)), 0);
  }
  if (options.source_port != 0) {
    socklen_t size = 0;
    const auto any =
        socket_address(family == AF_INET ? "0.0.0.0" : "::", options.source_port, size);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), size), 0);
  }
  return fd;
}

int connect_within(int fd, const sockaddr* address, socklen_t size) {
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  if (::connect(fd, address, size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd waiting{fd, POLLOUT, 0};
  if (::poll(&waiting, 1, patience_ms) == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t length = sizeof(error);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

/// The raw socket of ICMP leaves the checksum to us; ICMPv6's is the kernel's.
std::uint16_t checksum(const std::array<std::uint8_t, 8>& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  }
  return static_cast<std::uint16_t>(~(sum + (sum >> 16)));
}

}  // namespace

Namespace::Namespace() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd ready(ends[0]);
  const UniqueFd tell(ends[1]);
  holder_ = ::fork();
  if (holder_ == 0) hold(tell.get());
  char done = 'n';
  EXPECT_EQ(::read(ready.get(), &done, 1), 1);
  EXPECT_EQ(done, 'y') << "unshare(CLONE_NEWNET)";
  const std::string path = "/proc/" + std::to_string(holder_) + "/ns/net";
  descriptor_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(descriptor_) << path;
}

Namespace::~Namespace() {
  if (holder_ <= 0) return;
  ::kill(holder_, SIGKILL);
  ::waitpid(holder_, nullptr, 0);
}

void Namespace::run(const std::function<void()>& body) const {
  const UniqueFd home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::setns(descriptor_.get(), CLONE_NEWNET), 0);
  body();
  if (::setns(home.get(), CLONE_NEWNET) != 0) std::abort();
}

std::string Namespace::shell(const std::string& command) const {
  std::string output;
  run([&] {
    std::FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "re");
    ASSERT_NE(pipe, nullptr);
    std::array<char, 65536> buffer{};
    for (std::size_t size = 1; size > 0;) {
      size = std::fread(buffer.data(), 1, buffer.size(), pipe);
      output.append(buffer.data(), size);
    }
    EXPECT_EQ(::pclose(pipe), 0) << command << ": " << output.substr(0, 2000);
  });
  return output;
}

UniqueFd Namespace::listen(std::uint16_t port, SocketOptions options) const {
  UniqueFd fd;
  options.source_port = port;
  run([&] {
    fd = prepared(AF_INET6, SOCK_STREAM, 0, options);
    EXPECT_EQ(::listen(fd.get(), 8), 0);
  });
  return fd;
}

UniqueFd Namespace::receive(std::uint16_t port, SocketOptions options) const {
  UniqueFd fd;
  options.source_port = port;
  run([&] { fd = prepared(AF_INET6, SOCK_DGRAM, 0, options); });
  return fd;
}

int Namespace::connect(const std::string& address, std::uint16_t port,
                       SocketOptions options) const {
  int error = 0;
  run([&] {
    socklen_t size = 0;
    const auto to = socket_address(address, port, size);
    const UniqueFd fd = prepared(to.ss_family, SOCK_STREAM, 0, options);
    error = connect_within(fd.get(), reinterpret_cast<const sockaddr*>(&to), size);
    // Gone at once, so that the next connection finds no TIME_WAIT.
    const linger hard{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  });
  return error;
}

UniqueFd Namespace::open(int type, const std::string& address, std::uint16_t port,
                         SocketOptions options) const {
  UniqueFd fd;
  run([&] {
    socklen_t size = 0;
    const auto to = socket_address(address, port, size);
    fd = prepared(to.ss_family, type, 0, options);
    if (connect_within(fd.get(), reinterpret_cast<const sockaddr*>(&to), size) != 0) fd.reset();
  });
  return fd;
}

int Namespace::send(const std::string& address, std::uint16_t port, SocketOptions options) const {
  int error = 0;
  run([&] {
    socklen_t size = 0;
    const auto to = socket_address(address, port, size);
    const UniqueFd fd = prepared(to.ss_family, SOCK_DGRAM, 0, options);
    const auto* where = reinterpret_cast<const sockaddr*>(&to);
    if (::sendto(fd.get(), "x", 1, 0, where, size) != 1) error = errno;
  });
  return error;
}

bool Namespace::echo(const std::string& address, SocketOptions options) const {
  bool answered = false;
  run([&] {
    socklen_t size = 0;
    const auto to = socket_address(address, 0, size);
    const bool ipv4 = to.ss_family == AF_INET;
    const UniqueFd fd =
        prepared(to.ss_family, SOCK_RAW, ipv4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}, options);
    std::array<std::uint8_t, 8> echo{
        ipv4 ? std::uint8_t{ICMP_ECHO} : std::uint8_t{128}, 0, 0, 0, 0x50, 0x4b, 0, 1};
    const std::uint16_t sum = htons(checksum(echo));
    if (ipv4) std::memcpy(&echo[2], &sum, sizeof(sum));
    ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size);
    if (::send(fd.get(), echo.data(), echo.size(), 0) < 0) return;
    const std::uint8_t reply = ipv4 ? std::uint8_t{ICMP_ECHOREPLY} : std::uint8_t{129};
    while (!answered && readable(fd)) {
      std::array<std::uint8_t, 256> bytes{};
      const ssize_t got = ::recv(fd.get(), bytes.data(), bytes.size(), 0);
      // IPv4 raw sockets see the header too, 20 bytes without options.
      answered = got > 0 && bytes[ipv4 ? 20 : 0] == reply;
    }
  });
  return answered;
}

bool readable(const UniqueFd& socket) {
  pollfd waiting{socket.get(), POLLIN, 0};
  return ::poll(&waiting, 1, patience_ms) == 1 && (waiting.revents & POLLIN) != 0;
}

TwoNamespaces::TwoNamespaces(bool configured) {
  // With equal numbers on both sides the kernel would take its time, up to a second, to tell IPv6
  // of the new carrier (net/core/link_watch.c: linkwatch_urgent_event).
  box.shell("ip link add box0 index 71 type veth peer name peer0 index 72 netns " +
            std::to_string(peer.holder()));
  if (!configured) return;
  box.shell(
      "ip link set lo up; ip addr add 10.7.0.1/24 dev box0; "
      "ip -6 addr add fd07::1/64 dev box0 nodad; ip link set box0 up");
  peer.shell(
      "ip link set lo up; ip addr add 10.7.0.2/24 dev peer0; ip addr add 10.7.0.3/24 dev peer0; "
      "ip -6 addr add fd07::2/64 dev peer0 nodad; ip -6 addr add fd07::3/64 dev peer0 nodad "
      "preferred_lft 0; ip link set peer0 up");
  bool up = false;
  for (int i = 0; i < 10 && !up; ++i) up = box.echo("fd07::2") && peer.echo("fd07::1");
  EXPECT_TRUE(up) << "the link between the namespaces";
}

std::optional<std::string> why_not() {
  if (::geteuid() != 0) return "needs root";
  if (std::system("command -v nft ip > /dev/null") != 0) return "needs nft and ip";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWNET) == 0 ? 0 : 1);
  int status = 1;
  ::waitpid(child, &status, 0);
  if (status != 0) return "cannot make a network namespace";
  return std::nullopt;
}

}  // namespace socklid::test
