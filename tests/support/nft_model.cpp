// SPDX-License-Identifier: Apache-2.0
#include "tests/support/nft_model.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace socklid::test {
namespace {

using nft::Action;
using nft::Field;
using nft::KeyType;

using Address = std::array<std::uint8_t, 16>;

bool is_icmp(const ModelPacket& packet, std::uint8_t protocol, bool ipv4) {
  return packet.protocol == protocol && packet.ipv4 == ipv4;
}

bool is_plain(const ModelPacket& packet) {
  return !packet.extensions && !packet.loose_route && !packet.strict_route &&
         !packet.routing_header && !packet.fragment;
}

std::uint32_t first_word(const Address& address) {
  std::uint32_t word = 0;
  std::memcpy(&word, address.data(), sizeof(word));
  return word;
}

template <typename T>
std::optional<std::uint32_t> only_if(bool condition, T value) {
  if (!condition) return std::nullopt;
  return static_cast<std::uint32_t>(value);
}

/// Nothing where the kernel's expression would end the rule (NFT_BREAK).
std::optional<std::uint32_t> number(const ModelPacket& packet, Field field, bool output) {
  switch (field) {
    case Field::nfproto:
      return packet.ipv4 ? 2U : 10U;
    case Field::l4proto:
      return packet.protocol;
    case Field::iif:
      return only_if(!output, packet.interface);
    case Field::oif:
      return only_if(output, packet.interface);
    case Field::mark:
      return packet.mark;
    case Field::socket_mark:
      return packet.socket_mark;
    case Field::source_type:
      return packet.forged_source ? 1U : 2U;
    case Field::destination_type:
      return packet.destination_type;
    case Field::first_byte:
      return packet.ipv4 ? (is_plain(packet) ? 0x45U : 0x46U) : 0x60U;
    case Field::ipv6_next_header:
      return only_if(!packet.ipv4, is_plain(packet) ? packet.protocol : 0);
    case Field::ipv4_source:
      return only_if(packet.ipv4, first_word(packet.source));
    case Field::ipv4_destination:
      return only_if(packet.ipv4, first_word(packet.destination));
    case Field::ipv6_fragment:
      return packet.ipv4 ? std::nullopt : packet.fragment;
    case Field::ipv4_loose_route:
      return only_if(packet.ipv4, packet.loose_route);
    case Field::ipv4_strict_route:
      return only_if(packet.ipv4, packet.strict_route);
    case Field::ipv6_hop_limit:
      return only_if(!packet.ipv4, packet.hop_limit);
    case Field::ipv6_routing:
      return only_if(!packet.ipv4, packet.routing_header);
    case Field::icmp_type:
      return only_if(is_icmp(packet, IPPROTO_ICMP, true), packet.icmp_type);
    case Field::icmpv6_type:
      return only_if(is_icmp(packet, IPPROTO_ICMPV6, false), packet.icmp_type);
    case Field::tcp_flags:
      return only_if(packet.protocol == IPPROTO_TCP, packet.tcp_flags);
    case Field::sctp_chunk:
      return only_if(packet.protocol == IPPROTO_SCTP, packet.first_byte);
    case Field::dccp_type:
      return only_if(packet.protocol == IPPROTO_DCCP, packet.first_byte);
    case Field::source_port:
      return packet.source_port;
    case Field::destination_port:
      return packet.destination_port;
    default:
      throw std::logic_error("an address is no number");
  }
}

std::optional<Address> address(const ModelPacket& packet, Field field) {
  switch (field) {
    case Field::ipv4_source:
      return packet.ipv4 ? std::optional(packet.source) : std::nullopt;
    case Field::ipv4_destination:
      return packet.ipv4 ? std::optional(packet.destination) : std::nullopt;
    case Field::ipv6_source:
      return packet.ipv4 ? std::nullopt : std::optional(packet.source);
    case Field::ipv6_destination:
      return packet.ipv4 ? std::nullopt : std::optional(packet.destination);
    default:
      throw std::logic_error("a number is no address");
  }
}

/// A key as loaded from the packet, in the shape of an element.
std::optional<nft::Element> load(const ModelPacket& packet, const nft::Key& key,
                                 const nft::Set& set, bool output) {
  if (key.size() != set.key.size()) throw std::logic_error("key of another shape: " + set.name);
  nft::Element element;
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (set.key[i] == KeyType::ipv4_addr || set.key[i] == KeyType::ipv6_addr) {
      const auto bytes = address(packet, key[i].field);
      if (!bytes) return std::nullopt;
      const Address mask = nft::leading_bits(key[i].bits);
      const std::size_t size = set.key[i] == KeyType::ipv4_addr ? 4 : 16;
      for (std::size_t k = 0; k < size; ++k) element.address[k] = (*bytes)[k] & mask[k];
      continue;
    }
    const auto value = number(packet, key[i].field, output);
    if (!value) return std::nullopt;
    const auto small = static_cast<std::uint16_t>(*value);
    if (set.key[i] == KeyType::inet_proto) {
      element.protocol = static_cast<std::uint8_t>(*value);
    } else {
      element.numbers = {small, small};
    }
  }
  return element;
}

class Judge {
 public:
  Judge(const NftRuleset& ruleset, const ModelPacket& packet, bool output)
      : ruleset_(ruleset), packet_(packet), output_(output) {}

  /// Nothing if the end of the chain is reached.
  std::optional<ModelVerdict> walk(const nft::Chain& chain);
  Judgement judgement;

 private:
  bool matches(const nft::Compare& compare) const;
  bool matches(const nft::InRange& range) const;
  bool matches(const nft::InSet& match) const { return find(match.key, match.set) != nullptr; }
  bool matches(const nft::Noted& match) const {
    return load(packet_, match.key, set(match.set), output_).has_value();
  }
  const nft::Set& set(const std::string& name) const;
  const nft::Element* find(const nft::Key& key, const std::string& name) const;
  std::optional<ModelVerdict> enter(const std::string& name);
  const nft::Chain& chain(const std::string& name) const;

  const NftRuleset& ruleset_;
  const ModelPacket& packet_;
  bool output_;
};

bool Judge::matches(const nft::Compare& compare) const {
  const auto value = number(packet_, compare.field, output_);
  if (!value) return false;
  if (compare.op == nft::Operator::any_bit) return (*value & compare.value) != 0;
  return ((*value & compare.mask) == compare.value) == (compare.op == nft::Operator::equal);
}

bool Judge::matches(const nft::InRange& match) const {
  const auto value = number(packet_, match.field, output_);
  return value && match.range.first <= *value && *value <= match.range.last;
}

const nft::Set& Judge::set(const std::string& name) const {
  const auto found = std::find_if(ruleset_.sets.begin(), ruleset_.sets.end(),
                                  [&name](const nft::Set& one) { return one.name == name; });
  if (found == ruleset_.sets.end()) throw std::logic_error("no such set: " + name);
  return *found;
}

const nft::Element* Judge::find(const nft::Key& key, const std::string& name) const {
  const nft::Set& there = set(name);
  const auto wanted = load(packet_, key, there, output_);
  if (!wanted) return nullptr;
  static const nft::Element noted;
  if (there.lifetime != 0) return packet_.refused ? &noted : nullptr;
  for (const nft::Element& element : there.elements) {
    if (element.address == wanted->address && element.protocol == wanted->protocol &&
        element.numbers.first <= wanted->numbers.first &&
        wanted->numbers.first <= element.numbers.last) {
      return &element;
    }
  }
  return nullptr;
}

const nft::Chain& Judge::chain(const std::string& name) const {
  for (const nft::Chain& one : ruleset_.chains) {
    if (one.name == name) return one;
  }
  throw std::logic_error("no such chain: " + name);
}

std::optional<ModelVerdict> Judge::enter(const std::string& name) {
  return walk(chain(name));
}

std::optional<ModelVerdict> Judge::walk(const nft::Chain& chain) {
  for (const nft::Rule& rule : chain.rules) {
    ++judgement.rules;
    const bool all = std::all_of(rule.matches.begin(), rule.matches.end(), [this](const auto& m) {
      return std::visit([this](const auto& one) { return this->matches(one); }, m);
    });
    if (!all) continue;
    if (rule.counted) judgement.last_counter = rule.comment;
    const nft::Statement& statement = rule.statement;
    std::optional<ModelVerdict> verdict;
    switch (statement.action) {
      case Action::none:
        break;
      case Action::accept:
        return ModelVerdict::accept;
      case Action::drop:
        return ModelVerdict::drop;
      case Action::jump:
        verdict = enter(statement.target);
        break;
      case Action::go_to:
        return enter(statement.target);
      case Action::look_up:
        if (const nft::Element* element = find(statement.key, statement.target)) {
          verdict = enter(element->chain);
        }
        break;
      case Action::reject_reset:
        return ModelVerdict::reset;
      case Action::reject_admin:
        return ModelVerdict::admin_prohibited;
    }
    if (verdict) return verdict;
  }
  return std::nullopt;
}

}  // namespace

Judgement judge(const NftRuleset& ruleset, nft::HookPoint hook, const ModelPacket& packet) {
  Judge judge(ruleset, packet, hook == nft::HookPoint::output);
  for (const nft::Chain& chain : ruleset.chains) {
    if (!chain.base || chain.base->hook != hook) continue;
    judge.judgement.verdict =
        judge.walk(chain).value_or(chain.base->drops ? ModelVerdict::drop : ModelVerdict::accept);
    return judge.judgement;
  }
  return {ModelVerdict::accept, {}, 0};
}

}  // namespace socklid::test
