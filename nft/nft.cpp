// SPDX-License-Identifier: Apache-2.0
#include "nft/nft.hpp"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <array>
#include <cstring>
#include <string_view>

#include "nft/batch.hpp"
#include "nft/dump.hpp"
#include "nft/owned.hpp"
#include "plan/placement.hpp"

namespace socklid {
namespace {

int take_counter(nftnl_expr* expression, void* data) {
  const char* name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
  if (name == nullptr || std::strcmp(name, "counter") != 0) return MNL_CB_OK;
  auto& counter = *static_cast<std::optional<RuleCounter>*>(data);
  counter.emplace();
  counter->packets = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_PACKETS);
  counter->bytes = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_BYTES);
  return MNL_CB_OK;
}

/// Nothing if the message is not about a counted rule of the table.
std::optional<RuleCounter> counter_of(const std::string& message, std::string_view wanted) {
  const auto rule = owned(nftnl_rule_alloc());
  if (nftnl_rule_nlmsg_parse(header_of(message), rule.get()) < 0) return std::nullopt;
  const char* table = nftnl_rule_get_str(rule.get(), NFTNL_RULE_TABLE);
  if (table == nullptr || table != wanted) return std::nullopt;
  std::optional<RuleCounter> counter;
  nftnl_expr_foreach(rule.get(), take_counter, &counter);
  if (!counter) return std::nullopt;
  counter->chain = nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN);
  std::uint32_t size = 0;
  const void* data = nftnl_rule_get_data(rule.get(), NFTNL_RULE_USERDATA, &size);
  counter->comment = comment_of(NFTNL_UDATA_RULE_COMMENT, data, size);
  return counter;
}

std::string tables_request() {
  alignas(nlmsghdr) std::array<char, 512> buffer{};
  const nlmsghdr* header = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETTABLE, NFPROTO_INET,
                                                 NLM_F_DUMP, only_sequence);
  return {buffer.data(), header->nlmsg_len};
}

/// Whose table the message is about; nothing if it is unreadable.
struct NamedOwner {
  std::string name;
  std::string owner;
  std::uint64_t handle{0};
};
std::optional<NamedOwner> table_of(const std::string& message) {
  const auto table = owned(nftnl_table_alloc());
  if (nftnl_table_nlmsg_parse(header_of(message), table.get()) < 0) return std::nullopt;
  const char* name = nftnl_table_get_str(table.get(), NFTNL_TABLE_NAME);
  std::uint32_t size = 0;
  const void* data = nftnl_table_get_data(table.get(), NFTNL_TABLE_USERDATA, &size);
  std::string comment = comment_of(NFTNL_UDATA_TABLE_COMMENT, data, size);
  if (!comment.starts_with("container ") || comment.find(" cgroup ") == std::string::npos) {
    comment.clear();
  }
  return NamedOwner{name == nullptr ? "" : name, std::move(comment),
                    nftnl_table_get_u64(table.get(), NFTNL_TABLE_HANDLE)};
}

Result<std::optional<NamedOwner>> find_table(NetlinkSocket& netlink, const std::string& table) {
  const NetlinkAnswer answer = SL_TRY(netlink.exchange(table_request(table), only_sequence));
  if (!answer.errors.empty()) {
    if (means_absent(answer.errors.front())) return std::nullopt;
    return refused("table inet " + table + ": ask for its owner", answer.errors.front());
  }
  auto found = answer.messages.empty() ? std::nullopt : table_of(answer.messages.front());
  if (found) return found;
  return fail(Exit::nft,
              "nft table inet " + table + ": the kernel's description of it is unreadable");
}

Result<> send_removal(NetlinkSocket& netlink, NftBatch& batch) {
  const std::string_view messages = batch.finish();
  const NetlinkAnswer answer = SL_TRY(netlink.exchange(messages, batch.last_sequence()));
  for (const NetlinkError& error : answer.errors) {
    // EOPNOTSUPP: nf_tables is not there (nfnetlink_rcv_batch), so there is no table either.
    if (error.error == ENOENT || error.error == EOPNOTSUPP) return {};
    // A table that its maker keeps for himself (NFT_TABLE_F_OWNER) is not ours, whatever it says.
    if (error.error == EPERM) return {};
  }
  return batch.check(answer);
}

}  // namespace

bool has_nft() {
  return true;
}

Result<> install(NetlinkSocket& netlink, const NftRuleset& ruleset) {
  NftBatch batch(ruleset.table);
  // Only if there is one to replace: whoever deletes waits, when his socket is closed, until RCU
  // has let go of what he deleted (nft_rcv_nl_event, net/netfilter/nf_tables_api.c).
  if (SL_TRY(owner(netlink, ruleset.table))) batch.delete_table();
  batch.add(ruleset);
  const std::string_view messages = batch.finish();
  return batch.check(SL_TRY(netlink.exchange(messages, batch.last_sequence())));
}

Result<> uninstall(NetlinkSocket& netlink, const std::string& table) {
  NftBatch batch(table);
  batch.delete_table();
  return send_removal(netlink, batch);
}

Result<> uninstall_if(NetlinkSocket& netlink, const std::string& table,
                      const std::function<bool(const std::string&)>& is_wanted) {
  const auto found = SL_TRY(find_table(netlink, table));
  if (!found || !is_wanted(found->owner)) return {};
  NftBatch batch(table);
  batch.delete_table(found->handle);
  return send_removal(netlink, batch);
}

Result<std::optional<std::string>> owner(NetlinkSocket& netlink, const std::string& table) {
  auto found = SL_TRY(find_table(netlink, table));
  return found ? std::optional(std::move(found->owner)) : std::nullopt;
}

Result<std::vector<Table>> tables(NetlinkSocket& netlink) {
  std::vector<Table> ours;
  for (const std::string& message : SL_TRY(dump(netlink, tables_request(), "tables"))) {
    auto table = table_of(message);
    const auto slot = table ? slot_of_table(table->name) : std::nullopt;
    if (slot) ours.push_back({*slot, std::move(table->owner)});
  }
  return ours;
}

Result<std::vector<RuleCounter>> counters(NetlinkSocket& netlink, const std::string& table) {
  std::vector<RuleCounter> counted;
  const std::string what = "rules of table inet " + table;
  for (const std::string& message : SL_TRY(dump(netlink, rules_request(table), what))) {
    if (auto counter = counter_of(message, table)) counted.push_back(std::move(*counter));
  }
  return counted;
}

}  // namespace socklid
