// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/sockets.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

namespace socklid::selftest {
namespace {

timeval as_timeval(std::chrono::milliseconds duration) {
  return {duration.count() / 1000, (duration.count() % 1000) * 1000};
}

/// sockaddr_in or sockaddr_in6 in its storage; memcpy keeps to the rules of aliasing.
template <typename Sockaddr>
Address pack(const Sockaddr& sockaddr) {
  Address address;
  std::memcpy(&address.storage, &sockaddr, sizeof(sockaddr));
  address.length = sizeof(sockaddr);
  return address;
}

template <typename Sockaddr>
Sockaddr unpack(const Address& address) {
  Sockaddr sockaddr{};
  std::memcpy(&sockaddr, &address.storage, sizeof(sockaddr));
  return sockaddr;
}

}  // namespace

Address make_address(std::string_view text, std::uint16_t port) {
  const std::string terminated(text);
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_port = htons(port);
  if (inet_pton(AF_INET, terminated.c_str(), &ipv4.sin_addr) == 1) return pack(ipv4);
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_port = htons(port);
  if (inet_pton(AF_INET6, terminated.c_str(), &ipv6.sin6_addr) == 1) return pack(ipv6);
  return {};
}

Address any_address(int family, std::uint16_t port) {
  return make_address(family == AF_INET ? "0.0.0.0" : "::", port);
}

Address no_address() {
  return with_family(any_address(AF_INET6, 0), AF_UNSPEC);
}

Address with_port(Address address, std::uint16_t port) {
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  auto sockaddr = unpack<sockaddr_in>(address);
  sockaddr.sin_port = htons(port);
  std::memcpy(&address.storage, &sockaddr, sizeof(sockaddr));
  return address;
}

Address with_family(Address address, int family) {
  address.storage.ss_family = static_cast<sa_family_t>(family);
  return address;
}

Address mapped(const Address& ipv4) {
  const auto from = unpack<sockaddr_in>(ipv4);
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = from.sin_port;
  to.sin6_addr.s6_addr[10] = to.sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(&to.sin6_addr.s6_addr[12], &from.sin_addr, sizeof(from.sin_addr));
  return pack(to);
}

UniqueFd open_socket(int family, int type, int protocol) {
  UniqueFd fd(::socket(family, type | SOCK_CLOEXEC, protocol));
  if (!fd) return fd;
  const timeval timeout = as_timeval(patience);
  for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO}) {
    if (::setsockopt(fd.get(), SOL_SOCKET, option, &timeout, sizeof(timeout)) != 0) return {};
  }
  return fd;
}

bool wait_ready(int fd, short events) {
  pollfd entry{fd, events, 0};
  const int count = ::poll(&entry, 1, static_cast<int>(patience.count()));
  if (count == 0) errno = ETIMEDOUT;
  return count == 1;
}

bool connect_to(int fd, const Address& peer) {
  if (::connect(fd, peer.get(), peer.length) == 0) return true;
  // What connect(2) says when SO_SNDTIMEO has run out.
  if (errno == EINPROGRESS || errno == EAGAIN) errno = ETIMEDOUT;
  return false;
}

bool bind_to(int fd, const Address& local) {
  return ::bind(fd, local.get(), local.length) == 0;
}

bool set_option(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

bool send_groups_by_device(int fd, const Scene& scene) {
  const int device = static_cast<int>(scene.interface);
  if (scene.ip == Ip::v6) return set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, device);
  const ip_mreqn by_device{{}, {}, device};
  return ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by_device, sizeof(by_device)) == 0;
}

bool join_group(int fd, const Scene& scene, const Address& group) {
  group_req membership{};
  membership.gr_interface = scene.interface;
  std::memcpy(&membership.gr_group, group.get(), group.length);
  const int level = scene.ip == Ip::v4 ? int{IPPROTO_IP} : int{IPPROTO_IPV6};
  return ::setsockopt(fd, level, MCAST_JOIN_GROUP, &membership, sizeof(membership)) == 0;
}

bool send_token(int fd, const Scene& scene, int flags) {
  return ::send(fd, scene.token.data(), scene.token.size(), flags | MSG_NOSIGNAL) >= 0;
}

bool send_token_to(int fd, const Scene& scene, const Address& peer, int flags) {
  return ::sendto(fd, scene.token.data(), scene.token.size(), flags | MSG_NOSIGNAL, peer.get(),
                  peer.length) >= 0;
}

TokenMessage::TokenMessage(const Scene& scene, const Address& peer) {
  // sendmsg(2) reads what these point to, whatever their types say.
  data_.iov_base = const_cast<char*>(scene.token.data());  // NOLINT
  data_.iov_len = scene.token.size();
  header_.msg_iov = &data_;
  header_.msg_iovlen = 1;
  if (peer.length == 0) return;
  header_.msg_name = const_cast<sockaddr_storage*>(&peer.storage);  // NOLINT
  header_.msg_namelen = peer.length;
}

void TokenMessage::control(int level, int type, const void* data, std::size_t size) {
  header_.msg_control = control_.data();
  header_.msg_controllen = CMSG_SPACE(size);
  cmsghdr* message = CMSG_FIRSTHDR(&header_);
  message->cmsg_level = level;
  message->cmsg_type = type;
  message->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(message), data, size);
}

bool TokenMessage::send(int fd, int flags) {
  return ::sendmsg(fd, &header_, flags | MSG_NOSIGNAL) >= 0;
}

Outcome send_from_served_port(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!bind_to(fd.get(), any_address(scene.family(), served_port))) return failed("bind");
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("sendto");
  return {};
}

bool send_pair(int fd, TokenMessage& first, TokenMessage& second) {
  std::array<mmsghdr, 2> messages{mmsghdr{first.get(), 0}, mmsghdr{second.get(), 0}};
  const int sent = ::sendmmsg(fd, messages.data(), 2, MSG_NOSIGNAL);
  return sent == 2 || (sent == 1 && ::sendmmsg(fd, &messages[1], 1, MSG_NOSIGNAL) == 1);
}

}  // namespace socklid::selftest
