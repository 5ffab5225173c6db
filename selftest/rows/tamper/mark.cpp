// SPDX-License-Identifier: Apache-2.0
//
// Another mark than the policy's. Under a policy without a mark SO_MARK is closed as an option
// that rules of the namespace may go by.
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/sockets.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

template <int type>
Outcome mark_socket(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), type);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_SOCKET, SO_MARK, other_mark)) return failed("SO_MARK");
  return {};
}

Outcome mark_in_thread(const Scene& scene) {
  return in_thread(mark_socket<SOCK_DGRAM>, scene);
}

Outcome mark_in_nested_cgroup(const Scene& scene) {
  return in_nested_cgroup(mark_socket<SOCK_DGRAM>, scene);
}

/// The value 0 takes a mark away.
Outcome unmark_socket(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_SOCKET, SO_MARK, 0)) return failed("SO_MARK");
  return {};
}

Outcome mark_by_control(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  TokenMessage message(scene, scene.target);
  message.control(SOL_SOCKET, SO_MARK, &other_mark, sizeof(other_mark));
  if (!message.send(fd.get())) return failed("sendmsg");
  return {};
}

Outcome mark_by_second_message(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  TokenMessage plain(scene, scene.named);
  TokenMessage marked(scene, scene.target);
  marked.control(SOL_SOCKET, SO_MARK, &other_mark, sizeof(other_mark));
  plain.get().msg_iovlen = 0;  // no token: this one may arrive
  std::array<mmsghdr, 2> messages{mmsghdr{plain.get(), 0}, mmsghdr{marked.get(), 0}};
  const int sent = ::sendmmsg(fd.get(), messages.data(), messages.size(), 0);
  // What stopped the second is left behind as the socket's error, or not at all.
  if (sent == 1) errno = EPERM;
  if (sent != 2) return failed("sendmmsg");
  return {};
}

Outcome mark_by_ring_control(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  TokenMessage message(scene, scene.target);
  message.control(SOL_SOCKET, SO_MARK, &other_mark, sizeof(other_mark));
  Ring ring;
  if (!ring) return failed("io_uring_setup");
  if (ring.run(sendmsg_request(fd.get(), message.get(), 0)) < 0) return failed("sendmsg");
  return {};
}

/// Seventeen messages about the time to live, then one about the mark.
Outcome mark_behind_others(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  constexpr std::size_t space = CMSG_SPACE(sizeof(int)), others = 17;
  alignas(cmsghdr) std::array<char, space*(others + 1)> control{};
  const bool v4 = scene.ip == Ip::v4;
  for (std::size_t i = 0; i <= others; ++i) {
    const bool last = i == others;
    const int value = last ? other_mark : 64;
    cmsghdr header{};
    header.cmsg_len = CMSG_LEN(sizeof(int));
    header.cmsg_level = last ? SOL_SOCKET : v4 ? SOL_IP : SOL_IPV6;
    header.cmsg_type = last ? SO_MARK : v4 ? IP_TTL : IPV6_HOPLIMIT;
    std::memcpy(&control[i * space], &header, sizeof(header));
    std::memcpy(&control[i * space + CMSG_LEN(0)], &value, sizeof(value));
  }
  TokenMessage message(scene, scene.target);
  message.get().msg_control = control.data();
  message.get().msg_controllen = control.size();
  if (!message.send(fd.get())) return failed("sendmsg");
  return {};
}

Row set_row(std::string_view name, Act attempt) {
  return {.name = name, .proof = Proof::done, .stops = stops_mark, .attempt = attempt};
}

Row mark_row(std::string_view name, Act attempt) {
  return {.name = name, .stops = stops_mark, .attempt = attempt};
}

}  // namespace

Rows tamper_mark() {
  return {
      set_row("another mark by SO_MARK, UDP", mark_socket<SOCK_DGRAM>),
      set_row("another mark by SO_MARK, TCP", mark_socket<SOCK_STREAM>),
      set_row("no mark by SO_MARK", unmark_socket),
      set_row("another mark by SO_MARK, from a thread", mark_in_thread),
      set_row("another mark by SO_MARK, from a nested cgroup", mark_in_nested_cgroup),
      mark_row("another mark by control message", mark_by_control),
      mark_row("another mark by control message, second of sendmmsg", mark_by_second_message),
      mark_row("another mark by control message of io_uring", mark_by_ring_control),
      mark_row("another mark by the eighteenth control message", mark_behind_others),
  };
}

}  // namespace socklid::selftest
