// SPDX-License-Identifier: Apache-2.0
#include "selftest/rows/tamper/tamper.hpp"

#include <sys/socket.h>

#include <linux/netlink.h>

#include <iterator>
#include <utility>

#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {

Outcome send_to_target(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("send");
  return {};
}

Outcome change_by_netlink(const NetlinkMessage& message) {
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!fd) return failed("socket");
  if (!netlink_exchange(fd.get(), message.bytes())) return failed("netlink message");
  return {};
}

std::span<const Row> tamper_rows() {
  static const Rows rows = [] {
    Rows all;
    for (Rows (*part)() :
         {tamper_nft, tamper_xtables, tamper_xfrm, tamper_mark, tamper_option, tamper_group,
          tamper_route, tamper_traffic, tamper_link, tamper_transport, tamper_ioctl, tamper_compat,
          tamper_namespace, tamper_cgroup, tamper_bpf, tamper_program}) {
      Rows more = part();
      std::move(more.begin(), more.end(), std::back_inserter(all));
    }
    return all;
  }();
  return rows;
}

}  // namespace socklid::selftest
