// SPDX-License-Identifier: Apache-2.0
//
// A handed-in socket that has its peer, and asks for the container's mark on its packet.
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "selftest/rows/foreign/foreign.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/broker.hpp"

namespace socklid::selftest {
namespace {

/// What `egress` takes without `mark`.
constexpr std::uint32_t containers_mark = 1;

Outcome lend_mark(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::udp_connected);
  if (!fd) return failed("borrow");
  Token token = scene.token;
  iovec data{token.data(), token.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(containers_mark))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SO_MARK;
  header->cmsg_len = CMSG_LEN(sizeof(containers_mark));
  std::memcpy(CMSG_DATA(header), &containers_mark, sizeof(containers_mark));
  if (::sendmsg(fd.get(), &message, MSG_NOSIGNAL) < 0) return failed("sendmsg");
  return {};
}

}  // namespace

std::vector<Row> foreign_mark() {
  return {{.name = "handed in: a UDP socket with a peer, the container's mark by control message",
           .stops = always(Guard::mark),
           .behind = Guard::socket_mark,
           .attempt = lend_mark,
           .annotations = {"io.socklid.egress=udp/4747@10.231.7.9 udp/4747@fd5e:1f::9"}}};
}

}  // namespace socklid::selftest
