// SPDX-License-Identifier: Apache-2.0
//
// The same by 32-bit calls, which the kernel copies from other structures, and for ioctl(2) asks
// another hook about (security_file_ioctl_compat).
#include <net/if.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/compat.hpp"
#include "selftest/ways/gate/gate.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome mark_socket(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  Code32 code;
  const long value = code.copy(&other_mark, sizeof(other_mark));
  if (code.call(Call32::setsockopt,
                {fd.get(), SOL_SOCKET, SO_MARK, value, sizeof(other_mark), 0}) != 0)
    return failed("SO_MARK");
  return {};
}

/// struct compat_msghdr, compat_iovec and compat_cmsghdr (include/net/compat.h).
struct Message {
  std::uint32_t name{0}, name_length{0}, parts{0}, part_count{1}, control{0}, control_length{0};
  std::uint32_t flags{0};
  std::uint32_t data{0}, data_length{sizeof(Token)};
  std::uint32_t header_length{16};
  std::int32_t level{SOL_SOCKET}, type{SO_MARK}, mark{other_mark};
  sockaddr_storage peer{};
  Token token{};
};

Outcome mark_message(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  Code32 code;
  Message message;
  const auto place = static_cast<std::uint32_t>(code.next());
  message.name = place + offsetof(Message, peer);
  message.name_length = scene.target.length;
  message.parts = place + offsetof(Message, data);
  message.control = place + offsetof(Message, header_length);
  message.control_length = message.header_length;
  message.data = place + offsetof(Message, token);
  message.peer = scene.target.storage;
  message.token = scene.token;
  const long copy = code.copy(&message, sizeof(message));
  if (code.call(Call32::sendmsg, {fd.get(), copy, 0, 0, 0, 0}) < 0) return failed("sendmsg");
  return {};
}

template <int family>
Outcome set_size_compat(const Scene& scene) {
  const UniqueFd fd = open_socket(family, SOCK_DGRAM);
  if (!fd) return failed("socket");
  // struct compat_ifreq is the same as far as ifr_mtu.
  ifreq request{};
  ::if_indextoname(scene.interface, request.ifr_name);
  request.ifr_mtu = 1400;
  Code32 code;
  const long copy = code.copy(&request, sizeof(request));
  if (code.call(Call32::ioctl, {fd.get(), SIOCSIFMTU, copy, 0, 0, 0}) != 0) return failed("ioctl");
  return {};
}

Outcome make_map(const Scene& /*scene*/) {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = sizeof(int);
  attributes.max_entries = 1;
  Code32 code;
  const long copy = code.copy(&attributes, sizeof(attributes));
  const UniqueFd map(code.call(Call32::bpf, {BPF_MAP_CREATE, copy, sizeof(attributes), 0, 0, 0}));
  if (!map) return failed("bpf");
  return {};
}

Outcome add_rule(const Scene& /*scene*/) {
  fib_rule_hdr header{};
  header.family = AF_INET;
  header.action = FR_ACT_TO_TBL;
  NetlinkMessage message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
  message.fixed(header).value(FRA_TABLE, std::uint32_t{4747});
  const UniqueFd fd = compat_socket(other_gate, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!fd) return failed("socket");
  if (!compat_sendto(other_gate, fd.get(), message.bytes(), {})) return failed("sendto");
  if (!netlink_answer(fd.get())) return failed("netlink message");
  return {};
}

}  // namespace

Rows tamper_compat() {
  Rows rows{
      {.name = "32-bit SO_MARK", .proof = Proof::done, .stops = stops_mark, .attempt = mark_socket},
      {.name = "32-bit control message with a mark", .stops = stops_mark, .attempt = mark_message},
      {.name = "32-bit netlink message",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::netlink),
       .attempt = add_rule,
       .alone = true},
      {.name = "32-bit ioctl",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::ioctl),
       .attempt = set_size_compat<AF_INET>,
       .alone = true},
      {.name = "32-bit ioctl by a unix socket",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::ioctl),
       .attempt = set_size_compat<AF_UNIX>,
       .alone = true},
      {.name = "32-bit bpf",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::bpf),
       .attempt = make_map},
  };
  for (Row& row : rows) row = by_gate<Gate::direct>(row);
  return rows;
}

}  // namespace socklid::selftest
