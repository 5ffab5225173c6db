// SPDX-License-Identifier: Apache-2.0
//
// Sockets that were made outside and are used to change something else: rules, routes, interfaces,
// and their own mark.
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/fib_rules.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/xfrm.h>

#include <cstring>

#include "selftest/rows/foreign/foreign.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/netlink_message.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome carry_out(const UniqueFd& fd, const std::string& bytes) {
  if (!fd) return failed("borrow");
  if (!netlink_exchange(fd.get(), bytes)) return failed("netlink message");
  return {};
}

std::string routing_rule() {
  fib_rule_hdr header{};
  header.family = AF_INET;
  header.action = FR_ACT_TO_TBL;
  NetlinkMessage message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
  return message.fixed(header).value(FRA_TABLE, std::uint32_t{4747}).bytes();
}

template <Namespace where>
Outcome add_rule(const Scene& scene) {
  return carry_out(borrow(scene, Lent::netlink_route, where), routing_rule());
}

template <Namespace where>
Outcome change_tables(const Scene& scene) {
  return carry_out(borrow(scene, Lent::netlink_netfilter, where), own_table_batch());
}

Outcome fetch_and_change_tables(const Scene& scene) {
  const HeldSocket held = hold(scene, Lent::netlink_netfilter);
  if (held.fd < 0) return failed("hold");
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, held.pid, 0)));
  if (!process) return failed("pidfd_open");
  const UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), held.fd, 0)));
  if (!fd) return failed("pidfd_getfd");
  return carry_out(fd, own_table_batch());
}

Outcome flush_transforms(const Scene& scene) {
  return carry_out(borrow(scene, Lent::netlink_xfrm), NetlinkMessage(XFRM_MSG_FLUSHPOLICY).bytes());
}

/// A question only, but the policy opens nothing of this protocol.
Outcome ask_generic(const Scene& scene) {
  NetlinkMessage message(GENL_ID_CTRL);
  message.fixed(genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0}).text(CTRL_ATTR_FAMILY_NAME, "nlctrl");
  return carry_out(borrow(scene, Lent::netlink_generic), message.bytes());
}

Outcome set_size(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::udp, Namespace::elsewhere);
  if (!fd) return failed("borrow");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_mtu = 16384;
  if (::ioctl(fd.get(), SIOCSIFMTU, &request) != 0) return failed("ioctl");
  return {};
}

/// The mark that egress takes when no other is given, so that the rules take the socket for the
/// container's.
template <Namespace where>
Outcome mark(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::udp, where);
  if (!fd) return failed("borrow");
  if (!set_option(fd.get(), SOL_SOCKET, SO_MARK, 1)) return failed("SO_MARK");
  return {};
}

Row change_row(std::string_view name, Outcome (*attempt)(const Scene&), const Stops& stops,
               std::vector<std::string_view> modules = {}) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::done,
          .stops = stops,
          .attempt = attempt,
          .modules = std::move(modules),
          .alone = true};
}

}  // namespace

std::vector<Row> foreign_change() {
  using enum Namespace;
  return {
      change_row("handed in: route netlink", add_rule<inside>, always(Guard::netlink)),
      change_row("of another namespace: route netlink", add_rule<elsewhere>,
                 always(Guard::netlink)),
      change_row("handed in: netfilter netlink", change_tables<inside>, always(Guard::netlink),
                 {"nf_tables"}),
      change_row("handed in: netfilter netlink, fetched by pidfd_getfd", fetch_and_change_tables,
                 always(Guard::netlink), {"nf_tables"}),
      change_row("of another namespace: netfilter netlink", change_tables<elsewhere>,
                 always(Guard::netlink), {"nf_tables"}),
      change_row("handed in: xfrm netlink", flush_transforms, always(Guard::netlink),
                 {"xfrm_user"}),
      change_row("handed in: generic netlink", ask_generic, always(Guard::netlink)),
      change_row("of another namespace: an ioctl", set_size, always(Guard::ioctl)),
      change_row("handed in: UDP, the container's mark by SO_MARK", mark<inside>, stops_mark),
      change_row("of another namespace: UDP, the container's mark by SO_MARK", mark<elsewhere>,
                 stops_mark),
  };
}

}  // namespace socklid::selftest
