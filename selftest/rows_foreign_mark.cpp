// SPDX-License-Identifier: Apache-2.0
//
// A handed-in socket that has its peer, and whose packet gets the container's mark past every hook.
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "selftest/broker.hpp"
#include "selftest/rows_foreign.hpp"

namespace socklid::selftest {
namespace {

constexpr int msg_probe = 0x10;  // MSG_PROBE, include/linux/socket.h

/// What `egress` takes without `mark`.
constexpr std::uint32_t containers_mark = 1;

/// The second message of a sendmmsg(2) is asked of no hook if it names the peer of the first
/// (net/socket.c, ____sys_sendmsg); and an empty first one with MSG_CONFIRM and MSG_PROBE is not
/// sent (net/ipv4/udp.c, udp_sendmsg), so that no rule stops it.
Outcome lend_mark(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Loan::udp_connected);
  if (!fd) return failed("borrow");
  Token token = scene.token;
  iovec data{token.data(), token.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(containers_mark))> control{};
  std::array<mmsghdr, 2> messages{};
  messages[1].msg_hdr.msg_iov = &data;
  messages[1].msg_hdr.msg_iovlen = 1;
  messages[1].msg_hdr.msg_control = control.data();
  messages[1].msg_hdr.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&messages[1].msg_hdr);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SO_MARK;
  header->cmsg_len = CMSG_LEN(sizeof(containers_mark));
  std::memcpy(CMSG_DATA(header), &containers_mark, sizeof(containers_mark));
  if (::sendmmsg(fd.get(), messages.data(), messages.size(), MSG_CONFIRM | msg_probe) < 0) {
    return failed("sendmmsg");
  }
  return {};
}

}  // namespace

std::vector<Row> foreign_mark() {
  return {
      {.name =
           "handed in: a UDP socket with a peer, its packet marked by the second of two messages",
       .stops = {Guard::socket_mark, Guard::socket_mark, Guard::socket_mark},
       .attempt = lend_mark,
       .why = "only rules see it: each policy has egress here",
       .annotations = {"io.socklid.egress=udp/4747@10.231.7.9 udp/4747@fd5e:1f::9"}}};
}

}  // namespace socklid::selftest
