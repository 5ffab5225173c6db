// SPDX-License-Identifier: Apache-2.0
//
// The same by 32-bit calls, which the kernel copies from other structures, and for ioctl(2) asks
// another hook about (security_file_ioctl_compat).
#include <net/if.h>
#include <sys/mman.h>
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
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr int other_mark = 0x77;

/// Numbers of arch/x86/entry/syscalls/syscall_32.tbl.
enum class Call : long { ioctl = 54, bpf = 357, setsockopt = 366, sendmsg = 370 };

/// int $0x80 with up to five arguments. -1 and errno.
long call32(Call call, std::array<long, 5> arguments) {
#ifdef __x86_64__
  long result = static_cast<long>(call);
  __asm__ volatile("int $0x80"
                   : "+a"(result)
                   : "b"(arguments[0]), "c"(arguments[1]), "d"(arguments[2]), "S"(arguments[3]),
                     "D"(arguments[4])
                   : "memory", "cc", "r8", "r9", "r10", "r11");
  result = static_cast<int>(result);
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
#else
  static_cast<void>(call), static_cast<void>(arguments);
  errno = ENOSYS;
#endif
  return -1;
}

/// A page below 4 GiB, where 32-bit pointers reach; the process ends with the attempt, and so does
/// the page. Null and errno if there is none.
char* low_page() {
#ifdef MAP_32BIT
  void* start =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  return start == MAP_FAILED ? nullptr : static_cast<char*>(start);  // NOLINT
#else
  errno = ENOSYS;
  return nullptr;
#endif
}

std::uint32_t pointer32(const void* low) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(low));  // NOLINT
}

Outcome mark_socket(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  char* page = low_page();
  if (page == nullptr) return failed("mmap");
  std::memcpy(page, &other_mark, sizeof(other_mark));
  if (call32(Call::setsockopt,
             {fd.get(), SOL_SOCKET, SO_MARK, pointer32(page), sizeof(other_mark)}) != 0)
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
  char* page = low_page();
  if (page == nullptr) return failed("mmap");
  Message message;
  message.name = pointer32(page + offsetof(Message, peer));
  message.name_length = scene.target.length;
  message.parts = pointer32(page + offsetof(Message, data));
  message.control = pointer32(page + offsetof(Message, header_length));
  message.control_length = message.header_length;
  message.data = pointer32(page + offsetof(Message, token));
  message.peer = scene.target.storage;
  message.token = scene.token;
  std::memcpy(page, &message, sizeof(message));
  if (call32(Call::sendmsg, {fd.get(), pointer32(page), 0, 0, 0}) < 0) return failed("sendmsg");
  return {};
}

template <int family>
Outcome set_size(const Scene& scene) {
  const UniqueFd fd = open_socket(family, SOCK_DGRAM);
  if (!fd) return failed("socket");
  char* page = low_page();
  if (page == nullptr) return failed("mmap");
  // struct compat_ifreq is the same as far as ifr_mtu.
  ifreq request{};
  ::if_indextoname(scene.interface, request.ifr_name);
  request.ifr_mtu = 1400;
  std::memcpy(page, &request, sizeof(request));
  if (call32(Call::ioctl, {fd.get(), SIOCSIFMTU, pointer32(page), 0, 0}) != 0)
    return failed("ioctl");
  return {};
}

Outcome make_map(const Scene& /*scene*/) {
  char* page = low_page();
  if (page == nullptr) return failed("mmap");
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = sizeof(int);
  attributes.max_entries = 1;
  std::memcpy(page, &attributes, sizeof(attributes));
  const UniqueFd map(static_cast<int>(
      call32(Call::bpf, {BPF_MAP_CREATE, pointer32(page), sizeof(attributes), 0, 0})));
  if (!map) return failed("bpf");
  return {};
}

Outcome add_rule(const Scene& /*scene*/) {
  fib_rule_hdr header{};
  header.family = AF_INET;
  header.action = FR_ACT_TO_TBL;
  NetlinkMessage message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
  message.fixed(header).value(FRA_TABLE, std::uint32_t{4747});
  const UniqueFd fd = compat_socket(Gate::multiplexed, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!fd) return failed("socket");
  if (!compat_sendto(Gate::multiplexed, fd.get(), message.bytes(), {})) return failed("sendto");
  if (!netlink_answer(fd.get())) return failed("netlink message");
  return {};
}

constexpr Stops stops_mark{Guard::option, Guard::mark, Guard::mark};

}  // namespace

Rows tamper_compat() {
  return {
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
       .attempt = set_size<AF_INET>,
       .alone = true},
      {.name = "32-bit ioctl by a unix socket",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::ioctl),
       .attempt = set_size<AF_UNIX>,
       .alone = true},
      {.name = "32-bit bpf",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::bpf),
       .attempt = make_map},
  };
}

}  // namespace socklid::selftest
