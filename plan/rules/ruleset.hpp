// SPDX-License-Identifier: Apache-2.0
//
// NftRuleset: the mark rules of one container, a table of their own, as a value. Made by
// plan/rules/rules.hpp, it prints as nft's own syntax (`socklid explain`, and `nft -f` accepts it),
// compares, and is what nft/nft.hpp sends.
//
//   const NftRuleset ruleset = compile_rules(policy, mark, slot, container_id, cgroup_id);
//   const std::string text = to_string(ruleset);  // "table inet socklid {..."
//   SL_CHECK(install(netlink, ruleset));
//
// Only what our rules need of nftables is here. A rule matches when each of its matches does. A
// packet may not have a field: an IPv4 packet has no IPv6 address, and a packet without a socket
// has no socket's mark. A match on such a field is false, whatever its operator, as in the kernel
// (NFT_BREAK).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "annotations/address.hpp"

namespace socklid {

namespace nft {

/// The part of a packet that a match looks at. Numbers are in host byte order wherever they are
/// values of this header.
enum class Field : std::uint8_t {
  first_byte,         ///< version of IP times 16, and of IPv4 its header's length in words
  nfproto,            ///< NFPROTO_IPV4 2 or NFPROTO_IPV6 10 (linux/netfilter.h)
  l4proto,            ///< IPPROTO_*, of IPv6 the one behind the extension headers
  iif,                ///< index of the interface a packet came in by
  oif,                ///< index of the interface it leaves by
  mark,               ///< skb->mark
  socket_mark,        ///< sk->sk_mark, of full sockets only (net/netfilter/nft_socket.c)
  source_type,        ///< RTN_* of the source address: local 2 (linux/rtnetlink.h)
  destination_type,   ///< RTN_* of the destination address: also broadcast 3, multicast 5
  ipv4_source,        ///< address; a number of it is in network byte order
  ipv4_destination,   ///< address, likewise
  ipv4_loose_route,   ///< 1 if there is an IP option LSRR, else 0
  ipv4_strict_route,  ///< 1 if there is an IP option SSRR, else 0
  ipv6_next_header,   ///< IPPROTO_* of the first header behind IPv6's own
  ipv6_source,        ///< address
  ipv6_destination,   ///< address
  ipv6_hop_limit,     ///< 0..255
  ipv6_routing,       ///< 1 if there is a routing header of any type, else 0
  ipv6_fragment,      ///< offset of a fragment in bytes; nothing where there is no such header
  icmp_type,          ///< of ICMP only
  icmpv6_type,        ///< of ICMPv6 only
  tcp_flags,          ///< fin 1, syn 2, rst 4, ack 16; of TCP only
  sctp_chunk,         ///< type of the first one, INIT 1; of SCTP only
  dccp_type,          ///< in the bits of 0x1e, Request 0; of DCCP only
  source_port,        ///< first 2 bytes of whatever transport header there is
  destination_port,   ///< next 2 bytes
};

/// A field as part of the key of a look-up. Of an address, the leading `bits` are kept.
struct KeyPart {
  Field field{};
  std::uint8_t bits{128};  ///< 0..32 for IPv4, 0..128 for IPv6, meaningless for other fields
  friend bool operator==(const KeyPart&, const KeyPart&) = default;
};
using Key = std::vector<KeyPart>;

enum class Operator : std::uint8_t { equal, not_equal, any_bit };

/// (field & mask) == value, != value, or for any_bit (field & value) != 0.
struct Compare {
  Field field{};
  Operator op{Operator::equal};
  std::uint32_t value{0};
  std::uint32_t mask{0xffffffff};
  friend bool operator==(const Compare&, const Compare&) = default;
};

/// A port within a range, both ends included.
struct InRange {
  Field field{};
  annotations::PortRange range;
  friend bool operator==(const InRange&, const InRange&) = default;
};

struct InSet {
  Key key;
  std::string set;
  friend bool operator==(const InSet&, const InSet&) = default;
};

/// Puts the key into a set that has a lifetime, for that long from now on; false if the set is
/// full.
struct Noted {
  Key key;
  std::string set;
  friend bool operator==(const Noted&, const Noted&) = default;
};

using Match = std::variant<Compare, InRange, InSet, Noted>;

enum class Action : std::uint8_t {
  none,  ///< go on with the next rule (a rule that only counts)
  accept,
  drop,
  jump,          ///< to chain `target`, and back
  go_to,         ///< to chain `target`, never back: its end is the end of this chain
  look_up,       ///< `key` in the verdict map `target`; goes on if it is not in there
  reject_reset,  ///< answer with a TCP reset; TCP only
  reject_admin,  ///< answer with ICMP or ICMPv6 "administratively prohibited"
};

struct Statement {
  Action action{Action::none};
  std::string target;  ///< of jump, go_to and look_up
  Key key;             ///< of look_up
  friend bool operator==(const Statement&, const Statement&) = default;
};

struct Rule {
  std::vector<Match> matches;
  Statement statement;
  std::string comment;  ///< at most 127 bytes, printable, without '"'
  bool counted{false};  ///< packets and bytes that matched; such a rule has a comment
  friend bool operator==(const Rule&, const Rule&) = default;
};

enum class HookPoint : std::uint8_t { input, forward, output };

/// A base chain of type filter.
struct Base {
  HookPoint hook{HookPoint::output};
  int priority{0};
  bool drops{true};  ///< its policy: what no rule decides is dropped, else accepted
  friend bool operator==(const Base&, const Base&) = default;
};

struct Chain {
  std::string name;
  std::optional<Base> base;  ///< nothing: reached by jump, go_to or a verdict map only
  std::vector<Rule> rules;
  friend bool operator==(const Chain&, const Chain&) = default;
};

/// nft's data types, by its own names.
enum class KeyType : std::uint8_t {
  ipv4_addr,
  ipv6_addr,
  inet_proto,
  inet_service,
  icmp_type,
  icmpv6_type,
};

/// One element. It has the parts that the key of its set has; the others stay as they are here.
struct Element {
  std::array<std::uint8_t, 16> address{};  ///< network byte order; IPv4 uses the first 4 bytes
  std::uint8_t protocol{0};                ///< IPPROTO_*
  annotations::PortRange numbers{0, 0};    ///< port or ICMP type; first == last but in intervals
  std::string chain;                       ///< where a verdict map jumps to
  friend bool operator==(const Element&, const Element&) = default;
};

/// A named set, or a map to verdicts. Its elements cannot change once a rule uses it (`constant`),
/// but for one with a lifetime, which rules fill (`dynamic`).
/// Sets without intervals become hash tables, one probe whatever their size; a set of intervals
/// has one number as its key and becomes a tree.
struct Set {
  std::string name;
  std::vector<KeyType> key;
  bool interval{false};  ///< elements are disjoint and ascending
  bool verdict_map{false};
  std::vector<Element> elements;
  std::uint32_t lifetime{0};  ///< of what rules put in, in seconds; 0: they put nothing in
  std::uint32_t room{0};      ///< for so many elements, if there is a lifetime
  friend bool operator==(const Set&, const Set&) = default;
};

/// The first `bits` bits set, the others zero: the mask of a prefix, in network byte order.
[[nodiscard]] std::array<std::uint8_t, 16> leading_bits(std::size_t bits);

/// One rule, without its chain.
[[nodiscard]] std::string to_string(const Rule& rule);

}  // namespace nft

struct NftRuleset {
  std::string table;    ///< its name, of family inet: table_name(slot)
  std::string comment;  ///< of the table: whose it is, see table_comment()
  std::vector<nft::Set> sets;
  std::vector<nft::Chain> chains;
  friend bool operator==(const NftRuleset&, const NftRuleset&) = default;
};

/// "container ID cgroup CGID": tells whose a table is, also in `nft list`. At most 127 bytes
/// (NFTNL_UDATA_COMMENT_MAXLEN); a longer id is cut, the cgroup's id is never. Bytes that nft
/// cannot print in a comment become '_'.
[[nodiscard]] std::string table_comment(std::string_view container_id, std::uint64_t cgroup_id);

/// `table inet TABLE { ... }`, in the order sets, chains; nft 1.0.6 and later read it back.
[[nodiscard]] std::string to_string(const NftRuleset& ruleset);

}  // namespace socklid
