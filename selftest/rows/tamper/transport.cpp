// SPDX-License-Identifier: Apache-2.0
//
// One change by route netlink, a routing rule, by every way to hand the kernel a message, and in
// every place of a buffer where somebody might not look.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/sockets.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

std::string a_rule() {
  fib_rule_hdr header{};
  header.family = AF_INET;
  header.action = FR_ACT_TO_TBL;
  NetlinkMessage message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
  message.fixed(header).value(FRA_TABLE, std::uint32_t{4747});
  return message.value(FRA_PRIORITY, std::uint32_t{1}).bytes();
}

std::string a_question(const Scene& scene) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(scene.interface);
  return NetlinkMessage(RTM_GETLINK).fixed(header).bytes();
}

// Ways to send ---------------------------------------------------------------------------------

using Sender = bool (*)(int fd, const std::string& bytes);

msghdr message_of(iovec* parts, std::size_t count) {
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  return message;
}

iovec part_of(const std::string& bytes, std::size_t begin, std::size_t size) {
  return {const_cast<char*>(bytes.data()) + begin, size};  // NOLINT
}

/// Four bytes, and the rest: the message's type is in another piece than its length.
bool by_pieces(int fd, const std::string& bytes) {
  std::array<iovec, 2> parts{part_of(bytes, 0, 4), part_of(bytes, 4, bytes.size() - 4)};
  const msghdr message = message_of(parts.data(), parts.size());
  return ::sendmsg(fd, &message, 0) >= 0;
}

bool by_write(int fd, const std::string& bytes) {
  return ::write(fd, bytes.data(), bytes.size()) >= 0;
}

bool by_address(int fd, const std::string& bytes) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return ::sendto(fd, bytes.data(), bytes.size(), 0,
                  reinterpret_cast<const sockaddr*>(&kernel),  // NOLINT
                  sizeof(kernel)) >= 0;
}

bool by_connection(int fd, const std::string& bytes) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel)) ==
             0 &&  // NOLINT
         by_write(fd, bytes);
}

bool by_sendmmsg(int fd, const std::string& bytes) {
  iovec part = part_of(bytes, 0, bytes.size());
  mmsghdr message{message_of(&part, 1), 0};
  return ::sendmmsg(fd, &message, 1, 0) == 1;
}

bool by_splice(int fd, const std::string& bytes) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  const UniqueFd out(ends[0]), in(ends[1]);
  return by_write(in.get(), bytes) &&
         ::splice(out.get(), nullptr, fd, nullptr, bytes.size(), 0) >= 0;
}

/// `setup` is IORING_SETUP_SQPOLL, a thread of the kernel's that sends, or 0.
template <std::uint32_t setup>
bool by_ring(int fd, const std::string& bytes) {
  Ring ring(setup);
  if (!ring) return false;
  iovec part = part_of(bytes, 0, bytes.size());
  const msghdr message = message_of(&part, 1);
  return ring.run(sendmsg_request(fd, message, 0)) >= 0;
}

template <Sender send, int type = SOCK_RAW>
Outcome send_rule(const Scene& /*scene*/) {
  const UniqueFd fd = open_socket(AF_NETLINK, type, NETLINK_ROUTE);
  if (!fd) return failed("socket");
  if (!send(fd.get(), a_rule())) return failed("send");
  if (!netlink_answer(fd.get())) return failed("netlink message");
  return {};
}

// Places in a buffer ---------------------------------------------------------------------------

Outcome send_buffer(const std::string& bytes) {
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!fd) return failed("socket");
  if (!netlink_exchange(fd.get(), bytes)) return failed("netlink message");
  return {};
}

Outcome behind_a_question(const Scene& scene) {
  return send_buffer(a_question(scene) + a_rule());
}

/// Without NLM_F_REQUEST the kernel passes over a message, and answers nothing.
std::string no_request(std::string bytes) {
  constexpr std::uint16_t none = 0;
  std::memcpy(&bytes[offsetof(nlmsghdr, nlmsg_flags)], &none, sizeof(none));
  return bytes;
}

Outcome behind_no_request(const Scene& scene) {
  return send_buffer(no_request(a_question(scene)) + a_rule());
}

Outcome behind_many(const Scene& scene) {
  std::string bytes;
  for (int i = 0; i < 200; ++i) bytes += no_request(a_question(scene));
  return send_buffer(bytes + a_rule());
}

/// A message whose length is no multiple of four: the kernel looks for the next where the padding
/// ends (net/netlink/af_netlink.c: netlink_rcv_skb).
Outcome behind_padding(const Scene& /*scene*/) {
  std::string odd = NetlinkMessage(NLMSG_NOOP).fixed(std::uint32_t{0}).bytes();
  const auto length = static_cast<std::uint32_t>(odd.size() - 3);
  std::memcpy(&odd[offsetof(nlmsghdr, nlmsg_len)], &length, sizeof(length));
  return send_buffer(odd + a_rule());
}

Outcome in_child_process(const Scene& scene) {
  return in_child(behind_a_question, scene);
}

Outcome in_own_cgroup(const Scene& scene) {
  return in_nested_cgroup(behind_a_question, scene);
}

Row rule_row(std::string_view name, Act attempt) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::done,
          .stops = always(Guard::netlink),
          .attempt = attempt,
          .alone = true};
}

}  // namespace

Rows tamper_transport() {
  return {
      rule_row("netlink message in two pieces", send_rule<by_pieces>),
      rule_row("netlink message by write", send_rule<by_write>),
      rule_row("netlink message by a datagram socket", send_rule<by_write, SOCK_DGRAM>),
      rule_row("netlink message to an address", send_rule<by_address>),
      rule_row("netlink message over a connection", send_rule<by_connection>),
      rule_row("netlink message by sendmmsg", send_rule<by_sendmmsg>),
      rule_row("netlink message by splice", send_rule<by_splice>),
      rule_row("netlink message by io_uring", send_rule<by_ring<0>>),
      rule_row("netlink message by a thread of io_uring", send_rule<by_ring<IORING_SETUP_SQPOLL>>),
      rule_row("netlink message behind a question", behind_a_question),
      rule_row("netlink message behind 200 others", behind_many),
      rule_row("netlink message behind padding", behind_padding),
      rule_row("netlink message behind one that is no request", behind_no_request),
      rule_row("netlink message from a child", in_child_process),
      rule_row("netlink message from a nested cgroup", in_own_cgroup),
  };
}

}  // namespace socklid::selftest
