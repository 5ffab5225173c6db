// SPDX-License-Identifier: Apache-2.0
//
// Modules that the kernel loads by itself, of families and protocols that are closed. Each begins
// with the module unloaded, and `check` unloads it again.
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>

#include <cerrno>
#include <cstring>

#include "selftest/arena/modules.hpp"
#include "selftest/rows/deputy/deputy.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/netlink_message.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr char packets[] = "af_packet_diag";
constexpr char sctp[] = "sctp_diag";
constexpr char tunnels[] = "ip_vti";

/// What the kernel answers does not matter: it has loaded the module first (net/core/sock_diag.c).
template <const char* module>
Outcome ask_for_sockets(const NetlinkMessage& message) {
  if (Modules::is_loaded(module)) return {.step = "find it unloaded", .error = EBUSY};
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
  if (!fd) return failed("socket");
  if (!netlink_exchange(fd.get(), message.bytes())) return failed("SOCK_DIAG_BY_FAMILY");
  return {};
}

Outcome list_packets(const Scene& /*scene*/) {
  packet_diag_req request{};
  request.sdiag_family = AF_PACKET;
  NetlinkMessage message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
  return ask_for_sockets<packets>(message.fixed(request));
}

Outcome list_sctp(const Scene& /*scene*/) {
  inet_diag_req_v2 request{};
  request.sdiag_family = AF_INET;
  request.sdiag_protocol = IPPROTO_SCTP;
  request.idiag_states = ~0U;
  NetlinkMessage message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
  return ask_for_sockets<sctp>(message.fixed(request));
}

/// The kernel looks for a module of a device that is not there, whatever is asked about it. This
/// one puts a tunnel into every network namespace of the node.
Outcome ask_for_tunnel(const Scene& /*scene*/) {
  if (Modules::is_loaded(tunnels)) return {.step = "find it unloaded", .error = EBUSY};
  const UniqueFd fd = open_socket(AF_UNIX, SOCK_DGRAM);
  if (!fd) return failed("socket");
  ifreq request{};
  std::strcpy(request.ifr_name, "ip_vti0");
  if (::ioctl(fd.get(), SIOCGIFINDEX, &request) != 0) return failed("SIOCGIFINDEX");
  return {};
}

template <const char* module>
bool was_loaded(const Scene& /*scene*/) {
  return Modules::unload_if_loaded(module);
}

Row module_row(std::string_view name, Outcome (*attempt)(const Scene&), bool (*check)(const Scene&),
               const std::vector<std::string_view>& modules = {}) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::effect,
          .stops = always(Guard::module),
          .attempt = attempt,
          .modules = modules,
          .annotations = {"io.socklid.families=inet inet6 netlink-sock-diag"},
          .check = check};
}

}  // namespace

std::vector<Row> deputy_module() {
  return {
      module_row("module: of packet sockets, by sock_diag", list_packets, was_loaded<packets>),
      module_row("module: of SCTP, by sock_diag", list_sctp, was_loaded<sctp>,
                 {"sctp", "inet_diag"}),
      module_row("module: of tunnels, by a device's name", ask_for_tunnel, was_loaded<tunnels>),
  };
}

}  // namespace socklid::selftest
