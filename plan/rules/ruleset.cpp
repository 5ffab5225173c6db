// SPDX-License-Identifier: Apache-2.0
#include "plan/rules/ruleset.hpp"

#include <algorithm>

#include "plan/rules/fields.hpp"
#include "plan/rules/words.hpp"

namespace socklid {
namespace {

using annotations::PortRange;
using namespace nft;  // NOLINT(google-build-using-namespace): every name below is one of these

/// nft 1.0.6 refuses a comment of 128 bytes.
constexpr std::size_t comment_max = 127;

std::string range_text(PortRange range) {
  std::string text = std::to_string(range.first);
  if (range.last != range.first) text.append("-").append(std::to_string(range.last));
  return text;
}

std::string key_text(const KeyPart& part) {
  const bool ipv4 = part.field == Field::ipv4_source || part.field == Field::ipv4_destination;
  const bool ipv6 = part.field == Field::ipv6_source || part.field == Field::ipv6_destination;
  std::string text(row_of(part.field).name);
  if ((ipv4 && part.bits < 32) || (ipv6 && part.bits < 128)) {
    text.append(" & ").append(address_text(ipv4, leading_bits(part.bits)));
  }
  return text;
}

std::string key_text(const Key& key) {
  std::string text;
  for (const KeyPart& part : key) {
    text.append(text.empty() ? "" : " . ").append(key_text(part));
  }
  return text;
}

std::string mask_text(Field field, std::uint32_t mask) {
  const bool address = field == Field::ipv4_source || field == Field::ipv4_destination;
  return address ? row_of(field).value_text(mask) : hexadecimal(mask);
}

std::string match_text(const Compare& compare) {
  std::string text(row_of(compare.field).name);
  if (compare.op == Operator::any_bit) {
    return text.append(" ").append(bits_text(compare.field, compare.value));
  }
  if (compare.mask != 0xffffffff) text.append(" & ").append(mask_text(compare.field, compare.mask));
  const bool bare = compare.op == Operator::equal && compare.mask == 0xffffffff;
  text.append(bare ? " " : compare.op == Operator::equal ? " == " : " != ");
  return text.append(row_of(compare.field).value_text(compare.value));
}

std::string match_text(const InRange& match) {
  return std::string(row_of(match.field).name).append(" ").append(range_text(match.range));
}

std::string match_text(const InSet& match) {
  return key_text(match.key).append(" @").append(match.set);
}

std::string match_text(const Noted& match) {
  return std::string("update @").append(match.set).append(" { ").append(key_text(match.key)) + " }";
}

std::string statement_text(const Statement& statement) {
  switch (statement.action) {
    case Action::none:
      return "";
    case Action::accept:
      return "accept";
    case Action::drop:
      return "drop";
    case Action::jump:
      return "jump " + statement.target;
    case Action::go_to:
      return "goto " + statement.target;
    case Action::look_up:
      return key_text(statement.key) + " vmap @" + statement.target;
    case Action::reject_reset:
      return "reject with tcp reset";
    case Action::reject_admin:
      return "reject with icmpx type admin-prohibited";
  }
  return "";
}

std::string element_text(const Set& set, const Element& element) {
  std::string text;
  for (const KeyType type : set.key) {
    if (!text.empty()) text.append(" . ");
    switch (type) {
      case KeyType::ipv4_addr:
        text.append(address_text(true, element.address));
        break;
      case KeyType::ipv6_addr:
        text.append(address_text(false, element.address));
        break;
      case KeyType::inet_proto:
        text.append(protocol_text(element.protocol));
        break;
      default:
        text.append(range_text(element.numbers));
        break;
    }
  }
  if (set.verdict_map) text.append(" : jump ").append(element.chain);
  return text;
}

std::string set_text(const Set& set) {
  std::string text = set.verdict_map ? "\tmap " : "\tset ";
  text.append(set.name).append(" {\n\t\ttype ");
  for (std::size_t i = 0; i < set.key.size(); ++i) {
    text.append(i == 0 ? "" : " . ").append(name_of(set.key[i]));
  }
  text.append(set.verdict_map ? " : verdict\n" : "\n");
  if (set.lifetime != 0) {
    text.append("\t\tsize ").append(std::to_string(set.room));
    text.append("\n\t\tflags dynamic,timeout\n\t\ttimeout ");
    return text.append(std::to_string(set.lifetime)).append("s\n\t}\n");
  }
  text.append(set.interval ? "\t\tflags constant,interval\n" : "\t\tflags constant\n");
  text.append("\t\telements = { ");
  for (std::size_t i = 0; i < set.elements.size(); ++i) {
    text.append(i == 0 ? "" : ",\n\t\t\t     ").append(element_text(set, set.elements[i]));
  }
  return text.append(" }\n\t}\n");
}

std::string chain_text(const Chain& chain) {
  std::string text = "\tchain " + chain.name + " {\n";
  if (chain.base) {
    text.append("\t\ttype filter hook ").append(name_of(chain.base->hook)).append(" priority ");
    text.append(std::to_string(chain.base->priority));
    text.append(chain.base->drops ? "; policy drop;\n" : "; policy accept;\n");
  }
  for (const Rule& rule : chain.rules) text.append("\t\t").append(to_string(rule)).append("\n");
  return text.append("\t}\n");
}

}  // namespace

std::string nft::to_string(const Rule& rule) {
  std::string text;
  const auto word = [&text](const std::string& next) {
    if (!next.empty()) text.append(text.empty() ? "" : " ").append(next);
  };
  for (const Match& match : rule.matches) {
    word(std::visit([](const auto& one) { return match_text(one); }, match));
  }
  if (rule.counted) word("counter");
  word(statement_text(rule.statement));
  if (!rule.comment.empty()) word("comment \"" + rule.comment + "\"");
  return text;
}

std::array<std::uint8_t, 16> nft::leading_bits(std::size_t bits) {
  std::array<std::uint8_t, 16> mask{};
  for (std::size_t i = 0; i < mask.size() && bits > 8 * i; ++i) {
    const std::size_t here = std::min<std::size_t>(bits - 8 * i, 8);
    mask[i] = static_cast<std::uint8_t>(0xff00U >> here);
  }
  return mask;
}

std::string table_comment(std::string_view container_id, std::uint64_t cgroup_id) {
  const std::string_view head = "container ";
  const std::string tail = " cgroup " + std::to_string(cgroup_id);
  const std::string_view id = container_id.substr(0, comment_max - head.size() - tail.size());
  std::string text = std::string(head).append(id).append(tail);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~' || c == '"'; }, '_');
  return text;
}

std::string to_string(const NftRuleset& ruleset) {
  std::string text = "table inet ";
  text.append(ruleset.table).append(" {\n\tcomment \"").append(ruleset.comment).append("\"\n");
  for (const Set& set : ruleset.sets) text.append("\n").append(set_text(set));
  for (const Chain& chain : ruleset.chains) text.append("\n").append(chain_text(chain));
  return text.append("}\n");
}

}  // namespace socklid
