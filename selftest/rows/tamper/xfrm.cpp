// SPDX-License-Identifier: Apache-2.0
//
// Transforms: a policy of IPsec wraps a packet into another one, to another place.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ipsec.h>
#include <linux/netlink.h>
#include <linux/pfkeyv2.h>
#include <linux/xfrm.h>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/netlink_message.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// Everything outbound of one version of IP, for ever. Without a template it lets all pass: what
/// counts is who may say so.
xfrm_userpolicy_info outbound_policy(int family) {
  xfrm_userpolicy_info policy{};
  policy.sel.family = static_cast<__u16>(family);
  policy.dir = XFRM_POLICY_OUT;
  policy.action = XFRM_POLICY_ALLOW;
  policy.lft.soft_byte_limit = policy.lft.hard_byte_limit = XFRM_INF;
  policy.lft.soft_packet_limit = policy.lft.hard_packet_limit = XFRM_INF;
  return policy;
}

Outcome add_policy(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM);
  if (!fd) return failed("socket");
  NetlinkMessage message(XFRM_MSG_NEWPOLICY);
  message.fixed(outbound_policy(scene.family()));
  if (!netlink_exchange(fd.get(), message.bytes())) return failed("XFRM_MSG_NEWPOLICY");
  return {};
}

Outcome flush_keys(const Scene& /*scene*/) {
  const UniqueFd fd = open_socket(AF_KEY, SOCK_RAW, PF_KEY_V2);
  if (!fd) return failed("socket");
  sadb_msg message{};
  message.sadb_msg_version = PF_KEY_V2;
  message.sadb_msg_type = SADB_FLUSH;
  message.sadb_msg_len = sizeof(message) / sizeof(std::uint64_t);
  message.sadb_msg_pid = static_cast<__u32>(::getpid());
  if (::send(fd.get(), &message, sizeof(message), 0) < 0) return failed("SADB_FLUSH");
  return {};
}

template <typename Policy>
Outcome set_policy(const Scene& scene, int option4, int option6, const Policy& policy) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  const bool v4 = scene.ip == Ip::v4;
  if (::setsockopt(fd.get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? option4 : option6, &policy,
                   sizeof(policy)) != 0)
    return failed("setsockopt");
  return {};
}

Outcome set_xfrm_policy(const Scene& scene) {
  return set_policy(scene, IP_XFRM_POLICY, IPV6_XFRM_POLICY, outbound_policy(scene.family()));
}

Outcome set_ipsec_policy(const Scene& scene) {
  sadb_x_policy policy{};
  policy.sadb_x_policy_len = sizeof(policy) / sizeof(std::uint64_t);
  policy.sadb_x_policy_exttype = SADB_X_EXT_POLICY;
  policy.sadb_x_policy_type = IPSEC_POLICY_BYPASS;
  policy.sadb_x_policy_dir = IPSEC_DIR_OUTBOUND;
  return set_policy(scene, IP_IPSEC_POLICY, IPV6_IPSEC_POLICY, policy);
}

}  // namespace

Rows tamper_xfrm() {
  return {
      {.name = "xfrm: a policy by netlink",
       .proof = Proof::done,
       .stops = always(Guard::protocol),
       .attempt = add_policy,
       .modules = {"xfrm_user"},
       .alone = true},
      {.name = "xfrm: flush by AF_KEY",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::family),
       .attempt = flush_keys,
       .modules = {"af_key"},
       .alone = true},
      {.name = "xfrm: a socket's own policy",
       .proof = Proof::done,
       .stops = always(Guard::option),
       .attempt = set_xfrm_policy,
       .modules = {"xfrm_user"}},
      {.name = "xfrm: a socket's own policy in the form of AF_KEY",
       .proof = Proof::done,
       .stops = always(Guard::option),
       .attempt = set_ipsec_policy,
       .modules = {"af_key"}},
  };
}

}  // namespace socklid::selftest
