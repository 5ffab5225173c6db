// SPDX-License-Identifier: Apache-2.0
//
// Traffic control, by route netlink: what it does happens to a packet after the rules have seen it.
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_skbedit.h>

#include <utility>

#include "selftest/rows/tamper/tamper.hpp"

namespace socklid::selftest {
namespace {

tcmsg traffic_header(const Scene& scene, std::uint32_t handle, std::uint32_t parent) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = static_cast<int>(scene.interface);
  header.tcm_handle = handle;
  header.tcm_parent = parent;
  return header;
}

NetlinkMessage new_hook(const Scene& scene) {
  NetlinkMessage message(RTM_NEWQDISC, make_new);
  message.fixed(traffic_header(scene, TC_H_MAKE(TC_H_CLSACT, 0), TC_H_CLSACT));
  return message.text(TCA_KIND, "clsact");
}

/// Every packet that leaves gets another mark, behind our rules.
NetlinkMessage new_filter(const Scene& scene) {
  tcmsg header = traffic_header(scene, 0, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
  header.tcm_info = TC_H_MAKE(1U << 16, htons(ETH_P_ALL));
  tc_skbedit edit{};
  edit.action = TC_ACT_OK;
  NetlinkMessage message(RTM_NEWTFILTER, make_new);
  message.fixed(header).text(TCA_KIND, "matchall").open(TCA_OPTIONS | NLA_F_NESTED);
  message.open(TCA_MATCHALL_ACT | NLA_F_NESTED).open(1 | NLA_F_NESTED);
  message.text(TCA_ACT_KIND, "skbedit").open(TCA_ACT_OPTIONS | NLA_F_NESTED);
  message.value(TCA_SKBEDIT_PARMS, edit).value(TCA_SKBEDIT_MARK, other_mark);
  return message.close().close().close().close();
}

Outcome edit_traffic(const Scene& scene) {
  Outcome outcome = change_by_netlink(new_hook(scene));
  return outcome.step.empty() ? change_by_netlink(new_filter(scene)) : std::move(outcome);
}

Outcome change_action(const Scene& /*scene*/) {
  tc_skbedit edit{};
  edit.action = TC_ACT_OK;
  NetlinkMessage message(RTM_NEWACTION, NLM_F_CREATE);
  message.fixed(tcamsg{}).open(TCA_ACT_TAB | NLA_F_NESTED).open(1 | NLA_F_NESTED);
  message.text(TCA_ACT_KIND, "skbedit").open(TCA_ACT_OPTIONS | NLA_F_NESTED);
  message.value(TCA_SKBEDIT_PARMS, edit).value(TCA_SKBEDIT_MARK, other_mark);
  return change_by_netlink(message.close().close().close());
}

}  // namespace

Rows tamper_traffic() {
  return {
      {.name = "netlink: a filter of traffic control",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::netlink),
       .attempt = edit_traffic,
       .modules = {"sch_ingress", "cls_matchall", "act_skbedit"},
       .alone = true},
      {.name = "netlink: an action of traffic control",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::netlink),
       .attempt = change_action,
       .modules = {"act_skbedit"},
       .alone = true},
  };
}

}  // namespace socklid::selftest
