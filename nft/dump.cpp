// SPDX-License-Identifier: Apache-2.0
#include "nft/dump.hpp"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <array>
#include <cstring>
#include <utility>

#include "nft/owned.hpp"

namespace socklid {
namespace {

/// A dump that others keep changing is asked for this often.
constexpr int dump_attempts = 10;

struct Comment {
  std::uint8_t type;  ///< NFTNL_UDATA_*_COMMENT
  std::string text;
};

int take_comment(const nftnl_udata* attribute, void* data) {
  auto& comment = *static_cast<Comment*>(data);
  if (nftnl_udata_type(attribute) != comment.type) return 0;
  const auto* text = static_cast<const char*>(nftnl_udata_get(attribute));
  comment.text.assign(text, ::strnlen(text, nftnl_udata_len(attribute)));
  return 0;
}

}  // namespace

const nlmsghdr* header_of(const std::string& message) {
  return reinterpret_cast<const nlmsghdr*>(message.data());
}

bool means_absent(const NetlinkError& error) {
  return error.error == ENOENT || error.error == EINVAL;
}

Failure refused(std::string_view what, const NetlinkError& error) {
  std::string message = "nft " + std::string(what);
  if (!error.text.empty()) message.append(": ").append(error.text);
  message.append(": ").append(std::strerror(error.error)).append(remedy_for(error.error));
  return fail(Exit::nft, std::move(message));
}

std::string comment_of(std::uint8_t type, const void* data, std::uint32_t size) {
  Comment comment{type, {}};
  if (data != nullptr) nftnl_udata_parse(data, size, take_comment, &comment);
  return comment.text;
}

std::string rules_request(const std::string& table) {
  const auto rule = owned(nftnl_rule_alloc());
  nftnl_rule_set_u32(rule.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, table.c_str());
  alignas(nlmsghdr) std::array<char, 512> buffer{};
  nlmsghdr* header = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETRULE, NFPROTO_INET, NLM_F_DUMP,
                                           only_sequence);
  nftnl_rule_nlmsg_build_payload(header, rule.get());
  return {buffer.data(), header->nlmsg_len};
}

std::string table_request(const std::string& name) {
  const auto table = owned(nftnl_table_alloc());
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, name.c_str());
  alignas(nlmsghdr) std::array<char, 512> buffer{};
  nlmsghdr* header = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETTABLE, NFPROTO_INET, NLM_F_ACK,
                                           only_sequence);
  nftnl_table_nlmsg_build_payload(header, table.get());
  return {buffer.data(), header->nlmsg_len};
}

Result<std::vector<std::string>> dump(NetlinkSocket& netlink, const std::string& request,
                                      std::string_view what) {
  for (int attempt = 0; attempt < dump_attempts; ++attempt) {
    NetlinkAnswer answer = SL_TRY(netlink.exchange(request, only_sequence));
    if (!answer.errors.empty()) {
      if (means_absent(answer.errors.front())) return std::vector<std::string>{};
      return refused(what, answer.errors.front());
    }
    if (!answer.interrupted) return std::move(answer.messages);
  }
  return fail(Exit::nft, "nft ", what, ": they keep changing while they are read");
}

}  // namespace socklid
