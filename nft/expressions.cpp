// SPDX-License-Identifier: Apache-2.0
#include "nft/expressions.hpp"

// Before the kernel headers, which then leave out what this defines (linux/libc-compat.h).
#include <netinet/in.h>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <array>
#include <new>
#include <optional>
#include <string>

#include "nft/owned.hpp"
#include "plan/rules/fields.hpp"

namespace socklid {
namespace {

using namespace nft;  // NOLINT(google-build-using-namespace): every name below is one of these

/// Appends expressions to one rule and remembers which dependencies it already has.
class Writer {
 public:
  explicit Writer(nftnl_rule& rule) : rule_(rule) {}

  void match(const Compare& compare);
  void match(const InRange& match);
  void match(const InSet& match) { look_up(match.key, match.set, false); }
  void match(const Noted& match);
  void count() { add("counter"); }
  void state(const Statement& statement);

 private:
  nftnl_expr* add(const char* name);
  void depend(Field field);
  void load(Field field, std::uint32_t reg);
  void load_header(const Source& source, std::uint32_t reg);
  void mask(std::uint32_t reg, const void* bits, std::uint32_t size);
  void compare(std::uint32_t op, const Bytes& value);
  void load(const Key& key);
  void look_up(const Key& key, const std::string& set, bool verdict);
  void verdict(int code, const std::string& chain);
  void reject(std::uint32_t type, std::uint8_t code);

  nftnl_rule& rule_;
  std::optional<std::uint32_t> family_;
  std::optional<std::uint32_t> protocol_;
};

nftnl_expr* Writer::add(const char* name) {
  nftnl_expr* expression = nftnl_expr_alloc(name);
  if (expression == nullptr) throw std::bad_alloc();
  nftnl_rule_add_expr(&rule_, expression);
  return expression;
}

/// Without these a port of TCP would be read where ICMP has its checksum.
void Writer::depend(Field field) {
  const FieldInfo& row = row_of(field);
  if (row.family && family_ != row.family) {
    match(Compare{Field::nfproto, Operator::equal, *row.family, 0xffffffff});
  }
  if (row.protocol && protocol_ != row.protocol) {
    match(Compare{Field::l4proto, Operator::equal, *row.protocol, 0xffffffff});
  }
}

void Writer::load(Field field, std::uint32_t reg) {
  const Source& source = row_of(field).source;
  const auto load_key = [&](const char* name, std::uint16_t key, std::uint16_t destination) {
    nftnl_expr* expression = add(name);
    nftnl_expr_set_u32(expression, key, source.key);
    nftnl_expr_set_u32(expression, destination, reg);
  };
  switch (source.kind) {
    case Source::Kind::meta:
      return load_key("meta", NFTNL_EXPR_META_KEY, NFTNL_EXPR_META_DREG);
    case Source::Kind::socket:
      return load_key("socket", NFTNL_EXPR_SOCKET_KEY, NFTNL_EXPR_SOCKET_DREG);
    case Source::Kind::route: {
      nftnl_expr* expression = add("fib");
      nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_RESULT, source.key);
      nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_FLAGS, source.offset);
      nftnl_expr_set_u32(expression, NFTNL_EXPR_FIB_DREG, reg);
      return;
    }
    case Source::Kind::network:
    case Source::Kind::transport: {
      const bool network = source.kind == Source::Kind::network;
      nftnl_expr* expression = add("payload");
      nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, reg);
      nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE,
                         network ? NFT_PAYLOAD_NETWORK_HEADER : NFT_PAYLOAD_TRANSPORT_HEADER);
      nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, source.offset);
      nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, source.size);
      return;
    }
    case Source::Kind::option:
    case Source::Kind::presence:
    case Source::Kind::extension:
      return load_header(source, reg);
  }
}

/// Of an option or an extension header: 1 if it is there, else 0; or a number in it.
void Writer::load_header(const Source& source, std::uint32_t reg) {
  const bool ipv4 = source.kind == Source::Kind::option;
  nftnl_expr* expression = add("exthdr");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_DREG, reg);
  nftnl_expr_set_u8(expression, NFTNL_EXPR_EXTHDR_TYPE, static_cast<std::uint8_t>(source.key));
  nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_OFFSET, source.offset);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_LEN, source.size);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_OP,
                     ipv4 ? NFT_EXTHDR_OP_IPV4 : NFT_EXTHDR_OP_IPV6);
  if (source.kind != Source::Kind::extension) {
    nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
    return;
  }
  // Below the fragment's offset, in units of 8 bytes, there are three flags.
  constexpr std::array<std::uint8_t, 2> offset_bits{0xff, 0xf8};
  mask(reg, offset_bits.data(), offset_bits.size());
}

void Writer::mask(std::uint32_t reg, const void* bits, std::uint32_t size) {
  const std::array<std::uint8_t, 16> zero{};
  nftnl_expr* expression = add("bitwise");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_SREG, reg);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_DREG, reg);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_LEN, size);
  nftnl_expr_set_data(expression, NFTNL_EXPR_BITWISE_MASK, bits, size);
  nftnl_expr_set_data(expression, NFTNL_EXPR_BITWISE_XOR, zero.data(), size);
}

void Writer::compare(std::uint32_t op, const Bytes& value) {
  nftnl_expr* expression = add("cmp");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_SREG, NFT_REG32_00);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_OP, op);
  nftnl_expr_set_data(expression, NFTNL_EXPR_CMP_DATA, value.data.data(), value.size);
}

void Writer::match(const Compare& comparison) {
  const Field field = comparison.field;
  const bool any_bit = comparison.op == Operator::any_bit;
  const std::uint32_t bits = any_bit ? comparison.value : comparison.mask;
  depend(field);
  load(field, NFT_REG32_00);
  if (bits != 0xffffffff) {
    const Bytes masked = bytes_of(field, bits);
    mask(NFT_REG32_00, masked.data.data(), masked.size);
  }
  const bool equal = comparison.op == Operator::equal;
  compare(equal ? NFT_CMP_EQ : NFT_CMP_NEQ, bytes_of(field, any_bit ? 0 : comparison.value));
  if (equal && field == Field::nfproto) family_ = comparison.value;
  // What follows IPv6's own header is, if no extension, the transport.
  if (equal && (field == Field::l4proto || field == Field::ipv6_next_header)) {
    protocol_ = comparison.value;
  }
}

void Writer::match(const InRange& match) {
  depend(match.field);
  load(match.field, NFT_REG32_00);
  if (match.range.first == match.range.last) {
    return compare(NFT_CMP_EQ, bytes_of(match.field, match.range.first));
  }
  compare(NFT_CMP_GTE, bytes_of(match.field, match.range.first));
  compare(NFT_CMP_LTE, bytes_of(match.field, match.range.last));
}

/// The parts stand one after the other in registers of 4 bytes.
void Writer::load(const Key& key) {
  for (const KeyPart& part : key) depend(part.field);
  std::uint32_t reg = NFT_REG32_00;
  for (const KeyPart& part : key) {
    const std::uint32_t size = row_of(part.field).source.size;
    load(part.field, reg);
    if (size > 2 && part.bits < 8 * size) mask(reg, leading_bits(part.bits).data(), size);
    reg += (size + 3) / 4;
  }
}

void Writer::match(const Noted& match) {
  load(match.key);
  nftnl_expr* expression = add("dynset");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG32_00);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
  nftnl_expr_set_str(expression, NFTNL_EXPR_DYNSET_SET_NAME, match.set.c_str());
}

void Writer::look_up(const Key& key, const std::string& set, bool verdict) {
  load(key);
  nftnl_expr* expression = add("lookup");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SREG, NFT_REG32_00);
  if (verdict) nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_str(expression, NFTNL_EXPR_LOOKUP_SET, set.c_str());
}

void Writer::verdict(int code, const std::string& chain) {
  nftnl_expr* expression = add("immediate");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_VERDICT, static_cast<std::uint32_t>(code));
  if (!chain.empty()) nftnl_expr_set_str(expression, NFTNL_EXPR_IMM_CHAIN, chain.c_str());
}

void Writer::reject(std::uint32_t type, std::uint8_t code) {
  nftnl_expr* expression = add("reject");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_REJECT_TYPE, type);
  nftnl_expr_set_u8(expression, NFTNL_EXPR_REJECT_CODE, code);
}

void Writer::state(const Statement& statement) {
  switch (statement.action) {
    case Action::none:
      return;
    case Action::accept:
      return verdict(NF_ACCEPT, {});
    case Action::drop:
      return verdict(NF_DROP, {});
    case Action::jump:
      return verdict(NFT_JUMP, statement.target);
    case Action::go_to:
      return verdict(NFT_GOTO, statement.target);
    case Action::look_up:
      return look_up(statement.key, statement.target, true);
    case Action::reject_reset:
      return reject(NFT_REJECT_TCP_RST, 0);
    case Action::reject_admin:
      return reject(NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
  }
}

}  // namespace

void add_expressions(nftnl_rule& target, const Rule& rule) {
  Writer writer(target);
  for (const Match& match : rule.matches) {
    std::visit([&writer](const auto& one) { writer.match(one); }, match);
  }
  if (rule.counted) writer.count();
  writer.state(rule.statement);
}

std::set<std::string> expressions_of(const NftRuleset& ruleset) {
  std::set<std::string> names;
  const auto take = [](nftnl_expr* expression, void* found) {
    static_cast<std::set<std::string>*>(found)->insert(
        nftnl_expr_get_str(expression, NFTNL_EXPR_NAME));
    return 0;
  };
  for (const Chain& chain : ruleset.chains) {
    for (const Rule& rule : chain.rules) {
      const auto target = owned(nftnl_rule_alloc());
      add_expressions(*target, rule);
      nftnl_expr_foreach(target.get(), take, &names);
    }
  }
  return names;
}

}  // namespace socklid
