// SPDX-License-Identifier: Apache-2.0
//
// Both sides are read by the same code: what the kernel answers, and what install() would send it,
// are netlink messages of the same kinds. Each object becomes a text that two equal objects share.
#include "nft/contents.hpp"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "nft/batch.hpp"
#include "nft/dump.hpp"
#include "nft/elements.hpp"
#include "nft/owned.hpp"

namespace socklid {
namespace {

/// libnftnl keeps which attributes an expression has in 32 bits (nftnl_expr_is_set).
constexpr std::uint16_t attribute_end = 32;

void append(std::string& text, std::string_view bytes) {
  text.append(std::to_string(bytes.size())).append(":").append(bytes).append(";");
}

void append(std::string& text, std::string_view name, std::uint64_t number) {
  text.append(name).append("=").append(std::to_string(number)).append(";");
}

/// `get` is one of libnftnl's calls that tell a size besides.
template <typename Object>
std::string_view bytes_of(const void* (*get)(Object*, std::uint16_t, std::uint32_t*),
                          Object* object, std::uint16_t attribute) {
  std::uint32_t size = 0;
  const void* data = get(object, attribute, &size);
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), size);
}

std::string_view view(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

/// A register as the number of its first byte: the kernel calls one of 16 bytes where we say the
/// first of its four of 4 bytes (nft_parse_register and nft_dump_register,
/// net/netfilter/nf_tables_api.c).
std::uint32_t register_offset(std::uint32_t number) {
  if (number >= NFT_REG32_00) return (number - NFT_REG32_00 + 4) * NFT_REG32_SIZE;
  return number * NFT_REG_SIZE;
}

bool is_register(std::string_view expression, std::uint16_t attribute) {
  struct Register {
    std::string_view expression;
    std::uint16_t attribute;
  };
  static constexpr std::array<Register, 13> registers{{{"meta", NFTNL_EXPR_META_DREG},
                                                       {"meta", NFTNL_EXPR_META_SREG},
                                                       {"socket", NFTNL_EXPR_SOCKET_DREG},
                                                       {"ct", NFTNL_EXPR_CT_DREG},
                                                       {"fib", NFTNL_EXPR_FIB_DREG},
                                                       {"payload", NFTNL_EXPR_PAYLOAD_DREG},
                                                       {"exthdr", NFTNL_EXPR_EXTHDR_DREG},
                                                       {"bitwise", NFTNL_EXPR_BITWISE_SREG},
                                                       {"bitwise", NFTNL_EXPR_BITWISE_DREG},
                                                       {"cmp", NFTNL_EXPR_CMP_SREG},
                                                       {"dynset", NFTNL_EXPR_DYNSET_SREG_KEY},
                                                       {"lookup", NFTNL_EXPR_LOOKUP_SREG},
                                                       {"lookup", NFTNL_EXPR_LOOKUP_DREG}}};
  return std::any_of(registers.begin(), registers.end(), [&](const Register& one) {
    return one.expression == expression && one.attribute == attribute;
  });
}

/// Every attribute that libnftnl knows of the expression. Zero is what the kernel takes for one
/// that is left out, but of what it compares packets with.
std::string text_of(const nftnl_expr* expression) {
  const std::string_view name = view(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME));
  std::string text(name);
  text.append("(");
  if (name == "counter") return text.append(")");
  const bool zero_counts = name == "cmp" || name == "bitwise";
  for (std::uint16_t attribute = NFTNL_EXPR_BASE; attribute < attribute_end; ++attribute) {
    if (!nftnl_expr_is_set(expression, attribute)) continue;
    const std::string_view bytes = bytes_of(nftnl_expr_get, expression, attribute);
    if (is_register(name, attribute)) {
      append(text, std::to_string(attribute),
             register_offset(nftnl_expr_get_u32(expression, attribute)));
      continue;
    }
    const bool zero = std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
    if (zero && !zero_counts) continue;
    append(text.append(std::to_string(attribute)).append("="), bytes);
  }
  return text.append(")");
}

int take_expression(nftnl_expr* expression, void* text) {
  static_cast<std::string*>(text)->append(text_of(expression));
  return MNL_CB_OK;
}

/// The table that a message is about, whatever else is in it: the first attribute of each type
/// (linux/netfilter/nf_tables.h).
std::string_view table_of(const nlmsghdr* header) {
  static_assert(NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 &&
                NFTA_SET_ELEM_LIST_TABLE == 1);
  const auto* const end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(header));
  const auto* attribute =
      static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(header, sizeof(nfgenmsg)));
  const auto left = [&] {
    return static_cast<int>(end - reinterpret_cast<const char*>(attribute));
  };
  for (; mnl_attr_ok(attribute, left()); attribute = mnl_attr_next(attribute)) {
    if (mnl_attr_get_type(attribute) != NFTA_CHAIN_TABLE) continue;
    if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0) break;
    return mnl_attr_get_str(attribute);
  }
  return {};
}

/// Reads messages about one table, and passes over those about others. What cannot be read is
/// counted: a newer kernel takes rules that this libnftnl does not know.
class Reader {
 public:
  explicit Reader(std::string_view table) : table_(table) {}

  void take(const nlmsghdr* header) {
    if (table_of(header) != table_) return;
    switch (NFNL_MSG_TYPE(header->nlmsg_type)) {
      case NFT_MSG_NEWCHAIN:
        return chain(header);
      case NFT_MSG_NEWRULE:
        return rule(header);
      case NFT_MSG_NEWSET:
        return set(header);
      case NFT_MSG_NEWSETELEM:
        return elements(header);
      default:
        return;
    }
  }
  void take_all(const std::vector<std::string>& messages) {
    for (const std::string& message : messages) take(header_of(message));
  }
  [[nodiscard]] const Contents& contents() const { return contents_; }

 private:
  void chain(const nlmsghdr* header);
  void rule(const nlmsghdr* header);
  void set(const nlmsghdr* header);
  void elements(const nlmsghdr* header);
  void unread() { contents_.unread++; }

  std::string table_;
  Contents contents_;
};

void Reader::chain(const nlmsghdr* header) {
  const auto chain = owned(nftnl_chain_alloc());
  if (nftnl_chain_nlmsg_parse(header, chain.get()) < 0) return unread();
  std::string text;
  if (nftnl_chain_is_set(chain.get(), NFTNL_CHAIN_HOOKNUM)) {
    append(text, view(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_TYPE)));
    append(text, "hook", nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_HOOKNUM));
    append(text, "priority",
           static_cast<std::uint32_t>(nftnl_chain_get_s32(chain.get(), NFTNL_CHAIN_PRIO)));
    append(text, "policy", nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_POLICY));
  }
  const std::uint32_t flags = nftnl_chain_is_set(chain.get(), NFTNL_CHAIN_FLAGS)
                                  ? nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_FLAGS)
                                  : 0;
  append(text, "flags", flags & ~std::uint32_t{NFT_CHAIN_BASE});
  contents_.chains.emplace(view(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_NAME)), text);
}

void Reader::rule(const nlmsghdr* header) {
  const auto rule = owned(nftnl_rule_alloc());
  if (nftnl_rule_nlmsg_parse(header, rule.get()) < 0) return unread();
  std::string text;
  nftnl_expr_foreach(rule.get(), take_expression, &text);
  const nftnl_rule* const readable = rule.get();
  append(text, bytes_of(nftnl_rule_get_data, readable, NFTNL_RULE_USERDATA));
  contents_.rules[std::string(view(nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN)))].push_back(
      std::move(text));
}

void Reader::set(const nlmsghdr* header) {
  const auto set = owned(nftnl_set_alloc());
  if (nftnl_set_nlmsg_parse(header, set.get()) < 0) return unread();
  std::string text;
  for (const std::uint16_t attribute :
       {NFTNL_SET_FLAGS, NFTNL_SET_KEY_TYPE, NFTNL_SET_KEY_LEN, NFTNL_SET_DATA_TYPE}) {
    append(text, std::to_string(attribute), nftnl_set_get_u32(set.get(), attribute));
  }
  append(text, "lifetime",
         nftnl_set_is_set(set.get(), NFTNL_SET_TIMEOUT)
             ? nftnl_set_get_u64(set.get(), NFTNL_SET_TIMEOUT)
             : 0);
  const std::string name(view(nftnl_set_get_str(set.get(), NFTNL_SET_NAME)));
  if ((nftnl_set_get_u32(set.get(), NFTNL_SET_FLAGS) & NFT_SET_EVAL) != 0) {
    contents_.filled.insert(name);
  }
  contents_.sets.emplace(name, text);
}

int take_element(nftnl_set_elem* element, void* data) {
  auto& all = *static_cast<std::multiset<std::string>*>(data);
  std::string text;
  append(text, bytes_of(nftnl_set_elem_get, element, NFTNL_SET_ELEM_KEY));
  const auto number = [&](std::uint16_t attribute) {
    append(
        text, std::to_string(attribute),
        nftnl_set_elem_is_set(element, attribute) ? nftnl_set_elem_get_u32(element, attribute) : 0);
  };
  number(NFTNL_SET_ELEM_FLAGS);
  number(NFTNL_SET_ELEM_VERDICT);
  append(text, view(nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_CHAIN)
                        ? nftnl_set_elem_get_str(element, NFTNL_SET_ELEM_CHAIN)
                        : nullptr));
  all.insert(std::move(text));
  return MNL_CB_OK;
}

void Reader::elements(const nlmsghdr* header) {
  const auto set = owned(nftnl_set_alloc());
  if (nftnl_set_elems_nlmsg_parse(header, set.get()) < 0) return unread();
  nftnl_set_elem_foreach(
      set.get(), take_element,
      &contents_.elements[std::string(view(nftnl_set_get_str(set.get(), NFTNL_SET_NAME)))]);
}

/// A dump of one table's sets, or of one set's elements; chains are dumped of all tables.
std::string request(std::uint16_t type, const std::string& table, const std::string& set) {
  alignas(nlmsghdr) std::array<char, 1024> buffer{};
  nlmsghdr* header =
      nftnl_nlmsg_build_hdr(buffer.data(), type, NFPROTO_INET, NLM_F_DUMP, only_sequence);
  if (type != NFT_MSG_GETCHAIN) {
    const auto wanted = owned(nftnl_set_alloc());
    nftnl_set_set_str(wanted.get(), NFTNL_SET_TABLE, table.c_str());
    if (!set.empty()) nftnl_set_set_str(wanted.get(), NFTNL_SET_NAME, set.c_str());
    if (set.empty()) nftnl_set_nlmsg_build_payload(header, wanted.get());
    if (!set.empty()) nftnl_set_elems_nlmsg_build_payload(header, wanted.get());
  }
  return {buffer.data(), header->nlmsg_len};
}

}  // namespace

Contents contents_of(const NftRuleset& ruleset) {
  NftBatch batch(ruleset.table);
  batch.add(ruleset);
  const std::string_view bytes = batch.finish();
  Reader reader(ruleset.table);
  int left = static_cast<int>(bytes.size());
  const auto* header = reinterpret_cast<const nlmsghdr*>(bytes.data());
  for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
    if (NFNL_SUBSYS_ID(header->nlmsg_type) == NFNL_SUBSYS_NFTABLES) reader.take(header);
  }
  Contents contents = reader.contents();
  // libnftnl does not read back what it writes of elements: it numbers them.
  contents.elements.clear();
  for (const nft::Set& set : ruleset.sets) {
    const auto elements = elements_of(ruleset.table, set);
    nftnl_set_elem_foreach(elements.get(), take_element, &contents.elements[set.name]);
  }
  return contents;
}

Result<Contents> read_contents(NetlinkSocket& netlink, const std::string& table) {
  const std::string what = " of table inet " + table;
  Reader reader(table);
  reader.take_all(SL_TRY(dump(netlink, request(NFT_MSG_GETCHAIN, table, {}), "chains" + what)));
  reader.take_all(SL_TRY(dump(netlink, rules_request(table), "rules" + what)));
  reader.take_all(SL_TRY(dump(netlink, request(NFT_MSG_GETSET, table, {}), "sets" + what)));
  const std::map<std::string, std::string> sets = reader.contents().sets;
  for (const auto& [set, text] : sets) {
    if (reader.contents().filled.contains(set)) continue;
    reader.take_all(
        SL_TRY(dump(netlink, request(NFT_MSG_GETSETELEM, table, set), "elements" + what)));
  }
  return reader.contents();
}

}  // namespace socklid
