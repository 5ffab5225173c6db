// SPDX-License-Identifier: Apache-2.0
//
// Rules before or instead of ours, by NETLINK_NETFILTER.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <cstring>
#include <string>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/netlink_message.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

NetlinkMessage netfilter_message(int subsystem, int type, std::uint8_t family, int flags = 0) {
  NetlinkMessage message(static_cast<std::uint16_t>(subsystem << 8 | type),
                         static_cast<std::uint16_t>(flags));
  message.fixed(nfgenmsg{family, NFNETLINK_V0, 0});
  return message;
}

NetlinkMessage table_message(int type, std::string_view table, int flags = 0) {
  NetlinkMessage message = netfilter_message(NFNL_SUBSYS_NFTABLES, type,
                                             table.empty() ? NFPROTO_UNSPEC : NFPROTO_INET, flags);
  if (!table.empty()) message.text(NFTA_TABLE_NAME, table);
  return message;
}

/// nf_tables takes changes between these two only (net/netfilter/nfnetlink.c: nfnetlink_rcv_batch).
std::string batch(const std::string& messages) {
  const nfgenmsg header{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
  NetlinkMessage begin(NFNL_MSG_BATCH_BEGIN);
  NetlinkMessage end(NFNL_MSG_BATCH_END);
  return begin.fixed(header).bytes() + messages + end.fixed(header).bytes();
}

Outcome netfilter(const std::string& messages) {
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
  if (!fd) return failed("socket");
  if (!netlink_exchange(fd.get(), messages)) return failed("netlink message");
  return {};
}

Outcome own_table(const Scene& /*scene*/) {
  return netfilter(own_table_batch());
}

/// Adds the table first, so that there is one to delete when nobody's policy made it.
Outcome delete_our_table(const Scene& scene) {
  Outcome outcome =
      netfilter(batch(table_message(NFT_MSG_NEWTABLE, "socklid", NLM_F_CREATE).bytes() +
                      table_message(NFT_MSG_DELTABLE, "socklid").bytes()));
  return outcome.step.empty() ? send_to_target(scene) : std::move(outcome);
}

Outcome flush_ruleset(const Scene& scene) {
  Outcome outcome = netfilter(batch(table_message(NFT_MSG_DELTABLE, {}).bytes()));
  return outcome.step.empty() ? send_to_target(scene) : std::move(outcome);
}

NetlinkMessage chain_before_ours() {
  NetlinkMessage chain =
      netfilter_message(NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWCHAIN, NFPROTO_INET, NLM_F_CREATE);
  chain.text(NFTA_CHAIN_TABLE, "selftest").text(NFTA_CHAIN_NAME, "before");
  chain.open(NFTA_CHAIN_HOOK);
  chain.value(NFTA_HOOK_HOOKNUM, htonl(NF_INET_LOCAL_OUT));
  chain.value(NFTA_HOOK_PRIORITY, htonl(static_cast<std::uint32_t>(-500))).close();
  return chain.text(NFTA_CHAIN_TYPE, "filter");
}

NetlinkMessage rule_that_marks() {
  NetlinkMessage rule =
      netfilter_message(NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWRULE, NFPROTO_INET, NLM_F_CREATE);
  rule.text(NFTA_RULE_TABLE, "selftest").text(NFTA_RULE_CHAIN, "before");
  rule.open(NFTA_RULE_EXPRESSIONS).open(NFTA_LIST_ELEM);
  rule.text(NFTA_EXPR_NAME, "immediate").open(NFTA_EXPR_DATA);
  rule.value(NFTA_IMMEDIATE_DREG, htonl(NFT_REG_1)).open(NFTA_IMMEDIATE_DATA);
  rule.value(NFTA_DATA_VALUE, other_mark).close().close().close();
  rule.open(NFTA_LIST_ELEM).text(NFTA_EXPR_NAME, "meta").open(NFTA_EXPR_DATA);
  rule.value(NFTA_META_KEY, htonl(NFT_META_MARK)).value(NFTA_META_SREG, htonl(NFT_REG_1));
  return rule.close().close().close();
}

Outcome mark_before_ours(const Scene& scene) {
  Outcome outcome =
      netfilter(batch(table_message(NFT_MSG_NEWTABLE, "selftest", NLM_F_CREATE).bytes() +
                      chain_before_ours().bytes() + rule_that_marks().bytes()));
  return outcome.step.empty() ? send_to_target(scene) : std::move(outcome);
}

void put_tuple(NetlinkMessage& message, std::uint16_t type, const sockaddr_in& source,
               const sockaddr_in& destination) {
  message.open(type | NLA_F_NESTED).open(CTA_TUPLE_IP | NLA_F_NESTED);
  message.value(CTA_IP_V4_SRC, source.sin_addr).value(CTA_IP_V4_DST, destination.sin_addr).close();
  message.open(CTA_TUPLE_PROTO | NLA_F_NESTED).value(CTA_PROTO_NUM, std::uint8_t{IPPROTO_UDP});
  message.value(CTA_PROTO_SRC_PORT, source.sin_port);
  message.value(CTA_PROTO_DST_PORT, destination.sin_port).close().close();
}

/// Says that the target has sent to us, so that what we send is an answer.
Outcome forge_connection(const Scene& scene) {
  sockaddr_in ours{}, theirs{};
  std::memcpy(&ours, &scene.local.storage, sizeof(ours));
  std::memcpy(&theirs, &scene.target.storage, sizeof(theirs));
  NetlinkMessage message = netfilter_message(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW, AF_INET,
                                             NLM_F_CREATE | NLM_F_EXCL);
  put_tuple(message, CTA_TUPLE_ORIG, theirs, ours);
  put_tuple(message, CTA_TUPLE_REPLY, ours, theirs);
  message.value(CTA_STATUS, htonl(IPS_SEEN_REPLY | IPS_CONFIRMED)).value(CTA_TIMEOUT, htonl(60));
  Outcome outcome = netfilter(message.bytes());
  if (!outcome.step.empty()) return outcome;
  const UniqueFd fd = open_socket(AF_INET, SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!bind_to(fd.get(), scene.local)) return failed("bind");
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("send");
  return {};
}

}  // namespace

std::string own_table_batch() {
  return batch(table_message(NFT_MSG_NEWTABLE, "selftest", NLM_F_CREATE).bytes() +
               table_message(NFT_MSG_DELTABLE, "selftest").bytes());
}

Rows tamper_nft() {
  constexpr Stops stops = always(Guard::protocol);
  return {
      {.name = "nft: a table of its own",
       .each = Each::once,
       .proof = Proof::done,
       .stops = stops,
       .attempt = own_table,
       .modules = {"nf_tables"}},
      {.name = "nft: delete table inet socklid, then send",
       .stops = stops,
       .attempt = delete_our_table,
       .modules = {"nf_tables"},
       .alone = true},
      {.name = "nft: flush the ruleset, then send",
       .stops = stops,
       .attempt = flush_ruleset,
       .modules = {"nf_tables"},
       .alone = true},
      {.name = "nft: set a mark in a chain before ours, then send",
       .stops = stops,
       .attempt = mark_before_ours,
       .modules = {"nf_tables"},
       .alone = true},
      {.name = "conntrack: make a send the answer to a forged connection",
       .each = Each::v4_only,
       .stops = stops,
       .attempt = forge_connection,
       .modules = {"nf_conntrack_netlink"},
       .alone = true},
  };
}

}  // namespace socklid::selftest
