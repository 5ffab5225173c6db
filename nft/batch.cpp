// SPDX-License-Identifier: Apache-2.0
#include "nft/batch.hpp"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <cstring>
#include <utility>

#include "nft/expressions.hpp"
#include "nft/owned.hpp"

namespace socklid {
namespace {

/// A set of one message: 64 KiB of elements, one more that did not fit, and the headers.
constexpr std::size_t scratch_size = std::size_t{128} * 1024;

std::uint32_t hook_number(nft::HookPoint hook) {
  switch (hook) {
    case nft::HookPoint::input:
      return NF_INET_LOCAL_IN;
    case nft::HookPoint::forward:
      return NF_INET_FORWARD;
    case nft::HookPoint::output:
      return NF_INET_LOCAL_OUT;
  }
  return 0;
}

/// A comment as nft stores and prints it.
Owned<nftnl_udata_buf> comment_data(std::uint8_t type, std::string_view comment) {
  auto data = owned(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));
  nftnl_udata_put_strz(data.get(), type, std::string(comment).c_str());
  return data;
}

}  // namespace

NftBatch::NftBatch(std::string table) : table_(std::move(table)), scratch_(scratch_size) {
  const nlmsghdr* header = nftnl_batch_begin(scratch_.data(), 0);
  bytes_.append(scratch_.data(), header->nlmsg_len);
  messages_ = 1;
}

void NftBatch::message(std::uint16_t type, std::uint16_t flags, std::string object,
                       const std::function<void(nlmsghdr*)>& fill) {
  objects_.push_back(std::move(object));
  nlmsghdr* header =
      nftnl_nlmsg_build_hdr(scratch_.data(), type, NFPROTO_INET, flags, last_sequence());
  fill(header);
  last_offset_ = bytes_.size();
  bytes_.append(scratch_.data(), header->nlmsg_len);
  ++messages_;
}

void NftBatch::add_table(std::string_view comment) {
  const auto table = owned(nftnl_table_alloc());
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, table_.c_str());
  if (!comment.empty()) {
    const auto data = comment_data(NFTNL_UDATA_TABLE_COMMENT, comment);
    nftnl_table_set_data(table.get(), NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(data.get()),
                         nftnl_udata_buf_len(data.get()));
  }
  message(NFT_MSG_NEWTABLE, NLM_F_CREATE, "table",
          [&table](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
}

void NftBatch::delete_table() {
  const auto table = owned(nftnl_table_alloc());
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, table_.c_str());
  message(NFT_MSG_DELTABLE, 0, "delete table",
          [&table](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
}

void NftBatch::delete_table(std::uint64_t handle) {
  const auto table = owned(nftnl_table_alloc());
  nftnl_table_set_u64(table.get(), NFTNL_TABLE_HANDLE, handle);
  message(NFT_MSG_DELTABLE, 0, "delete table",
          [&table](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
}

void NftBatch::add(const nft::Chain& chain) {
  const auto target = owned(nftnl_chain_alloc());
  nftnl_chain_set_str(target.get(), NFTNL_CHAIN_TABLE, table_.c_str());
  nftnl_chain_set_str(target.get(), NFTNL_CHAIN_NAME, chain.name.c_str());
  if (chain.base) {
    nftnl_chain_set_str(target.get(), NFTNL_CHAIN_TYPE, "filter");
    nftnl_chain_set_u32(target.get(), NFTNL_CHAIN_HOOKNUM, hook_number(chain.base->hook));
    nftnl_chain_set_s32(target.get(), NFTNL_CHAIN_PRIO, chain.base->priority);
    nftnl_chain_set_u32(target.get(), NFTNL_CHAIN_POLICY, chain.base->drops ? NF_DROP : NF_ACCEPT);
  }
  message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, "chain " + chain.name,
          [&target](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, target.get()); });
}

void NftBatch::add(const NftRuleset& ruleset) {
  add_table(ruleset.comment);
  for (const nft::Chain& chain : ruleset.chains) add(chain);
  for (const nft::Set& set : ruleset.sets) add(set);
  for (const nft::Chain& chain : ruleset.chains) {
    for (const nft::Rule& rule : chain.rules) add(chain.name, rule);
  }
}

void NftBatch::add(std::string_view chain, const nft::Rule& rule) {
  const auto target = owned(nftnl_rule_alloc());
  nftnl_rule_set_u32(target.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
  nftnl_rule_set_str(target.get(), NFTNL_RULE_TABLE, table_.c_str());
  nftnl_rule_set_str(target.get(), NFTNL_RULE_CHAIN, std::string(chain).c_str());
  if (!rule.comment.empty()) {
    const auto data = comment_data(NFTNL_UDATA_RULE_COMMENT, rule.comment);
    nftnl_rule_set_data(target.get(), NFTNL_RULE_USERDATA, nftnl_udata_buf_data(data.get()),
                        nftnl_udata_buf_len(data.get()));
  }
  add_expressions(*target, rule);
  message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
          std::string("rule \"").append(to_string(rule)).append("\" of chain ").append(chain),
          [&target](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, target.get()); });
}

std::string_view NftBatch::finish() {
  nlmsghdr last{};
  std::memcpy(&last, bytes_.data() + last_offset_, sizeof(last));
  last.nlmsg_flags |= NLM_F_ACK;
  std::memcpy(bytes_.data() + last_offset_, &last, sizeof(last));
  const nlmsghdr* end = nftnl_batch_end(scratch_.data(), sequence_of(objects_.size()));
  bytes_.append(scratch_.data(), end->nlmsg_len);
  ++messages_;
  return bytes_;
}

Result<> NftBatch::check(const NetlinkAnswer& answer) const {
  if (answer.errors.empty()) return {};
  const NetlinkError& error = answer.errors.front();
  std::string message = "nft table inet " + table_ + ": ";
  // Sequence 0 is the batch's begin: the kernel refused it before it looked at any object.
  if (error.sequence > 0 && error.sequence <= objects_.size()) {
    message.append(objects_[error.sequence - 1]).append(": ");
  }
  message.append(std::strerror(error.error));
  if (!error.text.empty()) message.append(": ").append(error.text);
  return fail(Exit::nft, message.append(remedy_for(error.error)));
}

}  // namespace socklid
