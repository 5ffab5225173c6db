// SPDX-License-Identifier: Apache-2.0
//
// A handed-in socket that has its peer, and whose packet gets the container's mark past every hook.
#include <netinet/icmp6.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "selftest/broker.hpp"
#include "selftest/packets.hpp"
#include "selftest/rows_foreign.hpp"

namespace socklid::selftest {
namespace {

/// What `egress` takes without `mark`.
constexpr std::uint32_t containers_mark = 1;

/// struct nd_neighbor_advert without options. The kernel adds the checksum (RFC 3542, 3.1).
std::string advertisement() {
  std::string message(24, '\0');
  message[0] = static_cast<char>(ND_NEIGHBOR_ADVERT);
  return message;
}

std::string echo_request(const Scene& scene) {
  std::string message(8, '\0');
  message[0] = static_cast<char>(ICMP6_ECHO_REQUEST);
  return message.append(token_text(scene));
}

/// The second message of a sendmmsg(2) is asked of no hook if it names the peer of the first
/// (net/socket.c, ____sys_sendmsg). The first one is of a kind that the rules let out unmarked.
Outcome lend_mark(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Loan::icmpv6_connected);
  if (!fd) return failed("borrow");
  std::array<std::string, 2> texts{advertisement(), echo_request(scene)};
  std::array<iovec, 2> data{};
  std::array<mmsghdr, 2> messages{};
  for (std::size_t i = 0; i < messages.size(); ++i) {
    data.at(i) = {texts.at(i).data(), texts.at(i).size()};
    messages.at(i).msg_hdr.msg_iov = &data.at(i);
    messages.at(i).msg_hdr.msg_iovlen = 1;
  }
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(containers_mark))> control{};
  messages[1].msg_hdr.msg_control = control.data();
  messages[1].msg_hdr.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&messages[1].msg_hdr);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SO_MARK;
  header->cmsg_len = CMSG_LEN(sizeof(containers_mark));
  std::memcpy(CMSG_DATA(header), &containers_mark, sizeof(containers_mark));
  const int sent = ::sendmmsg(fd.get(), messages.data(), messages.size(), MSG_NOSIGNAL);
  if (sent != static_cast<int>(messages.size())) return failed("sendmmsg");
  return {};
}

}  // namespace

std::vector<Row> foreign_mark() {
  return {
      {.name =
           "handed in: a raw socket with a peer, its packet marked by the second of two messages",
       .each = Each::v6_only,
       .stops = {Guard::socket_mark, Guard::socket_mark, Guard::socket_mark},
       .attempt = lend_mark,
       .why = "only rules see it: each policy has egress here",
       .annotations = {"io.socklid.egress=udp/4747@10.231.7.9 udp/4747@fd5e:1f::9"}}};
}

}  // namespace socklid::selftest
