// SPDX-License-Identifier: Apache-2.0
#include "selftest/arena/receiver.hpp"

#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "selftest/arena/interrupt.hpp"
#include "selftest/arena/wire.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr int capture_bytes = 16 * 1024 * 1024;
constexpr int backlog = 16;
constexpr int dccp = 33;                      // IPPROTO_DCCP: not in every libc
constexpr int sock_dccp = 6;                  // SOCK_DCCP, linux/net.h
constexpr std::uint16_t every_type = 0x0003;  // ETH_P_ALL, linux/if_ether.h

std::string_view text(const Mac& mac) {
  return {reinterpret_cast<const char*>(mac.data()), mac.size()};
}

sockaddr_ll link_address(unsigned index, std::uint16_t type) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(type);
  address.sll_ifindex = static_cast<int>(index);
  return address;
}

/// All frames of type `type` on the interface, or on every one (0).
Result<UniqueFd> open_packet_socket(const NetnsRef& netns, unsigned index, std::uint16_t type) {
  const NetnsGuard there = SL_TRY(NetnsGuard::enter(netns));
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_ll address = link_address(index, type);
  if (!fd || !set_option(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, capture_bytes) ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return fail_errno(Exit::netns, "capture packets");
  }
  return fd;
}

struct Frame {
  std::string_view bytes;
  bool incoming{false};  ///< from another host
};

/// The next frame; nothing if there is none. `buffer` keeps it.
std::optional<Frame> next_frame(int fd, std::string& buffer) {
  sockaddr_ll from{};
  socklen_t length = sizeof(from);
  const ssize_t size =
      ::recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
  if (size < 0) return std::nullopt;
  const bool incoming =
      from.sll_pkttype != PACKET_OUTGOING && from.sll_ifindex != static_cast<int>(loopback_index);
  return Frame{std::string_view(buffer).substr(0, static_cast<std::size_t>(size)), incoming};
}

Result<> send_sentinel(int fd, const End& from, const End& to, std::uint64_t number) {
  const std::string frame = sentinel(text(to.mac), text(from.mac), number);
  const sockaddr_ll address = link_address(from.index, sentinel_type);
  if (::sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&address),
               sizeof(address)) < 0) {
    return fail_errno(Exit::netns, "send a sentinel through " + std::string(from.name));
  }
  return {};
}

/// Until the sentinel `number` is received: whether `is_wanted` was true of a frame before it.
template <typename Wanted>
Result<bool> read_up_to(int fd, std::uint64_t number, Wanted is_wanted) {
  std::string buffer(std::size_t{128} * 1024, '\0');
  bool found = false;
  for (;;) {
    const auto frame = next_frame(fd, buffer);
    if (!frame && errno == EAGAIN) {
      if (!SL_TRY(wait_readable(fd))) return fail(Exit::netns, "a sentinel frame does not come");
    } else if (!frame) {
      return fail_errno(Exit::netns, "read what was captured");
    } else if (frame->incoming) {
      if (is_sentinel(frame->bytes, number)) return found;
      found = found || is_wanted(frame->bytes);
    }
  }
}

/// A capture that has lost frames proves nothing.
Result<> check_complete(int fd) {
  tpacket_stats statistics{};
  socklen_t size = sizeof(statistics);
  if (::getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) != 0) {
    return fail_errno(Exit::netns, "count what was captured");
  }
  if (statistics.tp_drops == 0) return {};
  return fail(Exit::netns, statistics.tp_drops, " frames were not captured");
}

bool is_bound_and_listens(const UniqueFd& fd, const Address& address, bool stream) {
  return set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1) && bind_to(fd.get(), address) &&
         (!stream || ::listen(fd.get(), backlog) == 0);
}

}  // namespace

Result<Receiver> Receiver::open(const Network& network) {
  Receiver receiver(network);
  receiver.capture_ = SL_TRY(open_packet_socket(network.receiver, 0, every_type));
  receiver.inside_ = SL_TRY(open_packet_socket(network.inside, inside_end.index, sentinel_type));
  for (const int family : {AF_INET, AF_INET6}) {
    Served more = SL_TRY(receiver.serve_port(family, named_port, false));
    std::move(more.begin(), more.end(), std::back_inserter(receiver.always_));
  }
  return receiver;
}

Result<UniqueFd> Receiver::socket_here(int family, int type, int protocol) const {
  const NetnsGuard there = SL_TRY(NetnsGuard::enter(network_->receiver));
  return open_socket(family, type, protocol);
}

Result<Served> Receiver::serve_port(int family, std::uint16_t port, bool rare) const {
  struct Service {
    int type;
    int protocol;
    bool rare;
  };
  Served served;
  const Address address = any_address(family, port);
  const auto offer = [&](int type, int protocol) -> Result<bool> {
    UniqueFd fd = SL_TRY(socket_here(family, type, protocol));
    if (!fd) return false;
    // So that IPv4 and IPv6 each have their own.
    if (family == AF_INET6) (void)set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (!is_bound_and_listens(fd, address, type != SOCK_DGRAM)) return false;
    served.push_back(std::move(fd));
    return true;
  };
  if (!SL_TRY(offer(SOCK_STREAM, ipproto_mptcp))) (void)SL_TRY(offer(SOCK_STREAM, IPPROTO_TCP));
  (void)SL_TRY(offer(SOCK_DGRAM, IPPROTO_UDP));
  (void)SL_TRY(offer(SOCK_DGRAM, IPPROTO_UDPLITE));
  if (!rare) return served;
  (void)SL_TRY(offer(SOCK_STREAM, IPPROTO_SCTP));
  (void)SL_TRY(offer(sock_dccp, dccp));
  return served;
}

Result<Served> Receiver::serve(const Scene& scene, bool rare) {
  (void)SL_TRY(catch_up(nullptr));
  return serve_port(scene.family(), scene.port, rare);
}

Result<bool> Receiver::catch_up(const Scene* scene) {
  SL_CHECK(send_sentinel(inside_.get(), inside_end, receiver_end, ++sentinels_));
  const bool found = SL_TRY(read_up_to(capture_.get(), sentinels_, [&](std::string_view frame) {
    return scene != nullptr && is_of(frame, scene->token, scene->port);
  }));
  SL_CHECK(check_complete(capture_.get()));
  return found;
}

Result<bool> Receiver::arrived(const Scene& scene) {
  return catch_up(&scene);
}

Result<> Receiver::reach_inside() {
  SL_CHECK(send_sentinel(capture_.get(), receiver_end, inside_end, ++sentinels_));
  (void)SL_TRY(read_up_to(inside_.get(), sentinels_, [](std::string_view) { return false; }));
  return {};
}

Result<bool> Receiver::is_answered(const Scene& scene, int transport) {
  const int type = transport == dccp ? sock_dccp : SOCK_STREAM;
  const UniqueFd fd = SL_TRY(socket_here(scene.family(), type | SOCK_NONBLOCK, transport));
  if (!fd) return fail_errno(Exit::netns, "a socket to call with");
  if (connect_to(fd.get(), scene.local)) return true;
  // Of a non-blocking socket connect_to() says ETIMEDOUT for "in progress".
  if (errno != ETIMEDOUT) return false;
  // SCTP takes two round trips, the others one; each sentinel is one behind theirs.
  constexpr int round_trips = 4;
  for (int i = 0; i < round_trips; ++i) {
    pollfd entry{fd.get(), POLLOUT, 0};
    if (::poll(&entry, 1, 0) == 1) {
      int error = 0;
      socklen_t size = sizeof(error);
      return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
    }
    SL_CHECK(reach_inside());
    (void)SL_TRY(catch_up(nullptr));
  }
  return false;
}

Result<> Receiver::send_token(const Scene& scene, int transport) {
  const UniqueFd fd = SL_TRY(socket_here(scene.family(), SOCK_DGRAM, transport));
  if (!fd || !send_token_to(fd.get(), scene, scene.local)) {
    return fail_errno(Exit::netns, "send a datagram to the container");
  }
  return reach_inside();
}

}  // namespace socklid::selftest
