// SPDX-License-Identifier: Apache-2.0
#include "annotations/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <iterator>
#include <span>

#include "base/text.hpp"

namespace socklid::annotations {
namespace {

/// What differs between the lists that name endpoints.
struct ListGrammar {
  std::span<const Protocol> protocols;
  std::string_view expected;
};

constexpr Protocol all_protocols[] = {Protocol::tcp,  Protocol::udp,  Protocol::icmp,
                                      Protocol::sctp, Protocol::dccp, Protocol::numbered};
constexpr ListGrammar endpoints_grammar{
    std::span(all_protocols).first<5>(),
    "expected a protocol: tcp, udp, icmp, sctp or dccp, in lower case"};
constexpr ListGrammar peers_grammar{
    all_protocols,
    "expected a protocol: tcp, udp, icmp, sctp, dccp or proto/NUMBER, in lower case"};
constexpr ListGrammar ports_grammar{std::span(all_protocols).first<2>(),
                                    "expected allow, deny, or ports such as tcp/80 udp/53"};

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int width(AddressFamily family) {
  return family == AddressFamily::ipv4 ? 32 : 128;
}

/// Decimal digits without a leading zero, 0..largest.
std::optional<int> parse_decimal(std::string_view text, int largest) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  const auto number = parse_number<int>(text);
  return number && *number <= largest ? number : std::nullopt;
}

/// The address as a prefix of all its bits.
std::optional<Prefix> parse_address(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    return std::nullopt;  // inet_pton() would stop there
  const std::string terminated(text);
  Prefix prefix;
  prefix.family =
      text.find(':') == std::string_view::npos ? AddressFamily::ipv4 : AddressFamily::ipv6;
  prefix.bits = static_cast<std::uint8_t>(width(prefix.family));
  const int family = prefix.family == AddressFamily::ipv4 ? AF_INET : AF_INET6;
  if (::inet_pton(family, terminated.c_str(), prefix.address.data()) != 1) return std::nullopt;
  return prefix;
}

Prefix without_host_bits(Prefix prefix) {
  for (std::size_t i = 0; i < prefix.address.size(); ++i) {
    const int bits = std::clamp(prefix.bits - static_cast<int>(8 * i), 0, 8);
    prefix.address[i] = static_cast<std::uint8_t>(prefix.address[i] & (0xff00U >> bits));
  }
  return prefix;
}

bool is_mapped(const Prefix& prefix) {
  return prefix.family == AddressFamily::ipv6 && prefix.bits >= 96 &&
         std::equal(mapped_prefix.begin(), mapped_prefix.end(), prefix.address.begin());
}

Prefix unmapped(const Prefix& prefix) {
  Prefix ipv4;
  std::copy(prefix.address.begin() + mapped_prefix.size(), prefix.address.end(),
            ipv4.address.begin());
  ipv4.bits = static_cast<std::uint8_t>(prefix.bits - 96);
  return without_host_bits(ipv4);
}

Result<Protocol> parse_protocol(const ValueText& value, std::string_view text,
                                const ListGrammar& grammar) {
  for (const Protocol protocol : grammar.protocols) {
    if (text == to_string(protocol)) return protocol;
  }
  if (text == "wireguard") {
    return fail_value(
        value, text,
        "expected udp, with the container's mark as the tunnel's fwmark (docs/programs.md)");
  }
  return fail_value(value, text, grammar.expected);
}

Result<std::uint16_t> parse_port(const ValueText& value, std::string_view text) {
  const auto port = parse_decimal(text, 65535);
  if (!port) return fail_value(value, text, "expected a port from 0 to 65535");
  return static_cast<std::uint16_t>(*port);
}

Result<PortRange> parse_range(const ValueText& value, std::string_view text) {
  const std::size_t dash = text.find('-');
  PortRange ports;
  ports.first = SL_TRY(parse_port(value, text.substr(0, dash)));
  ports.last = ports.first;
  if (dash == std::string_view::npos) return ports;
  ports.last = SL_TRY(parse_port(value, text.substr(dash + 1)));
  if (ports.first > ports.last) {
    return fail_value(value, text, "expected the smaller port of a range first");
  }
  return ports;
}

Result<Prefix> parse_prefix(const ValueText& value, std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  if (address.find('%') != std::string_view::npos) {
    return fail_value(value, text, "expected an address without a zone");
  }
  auto prefix = parse_address(address);
  if (!prefix) {
    return fail_value(value, address,
                      "expected an IPv4 or IPv6 address, or a prefix such as 10.0.0.0/8 (names "
                      "are not resolved)");
  }
  if (slash != std::string_view::npos) {
    const std::string_view bits_text = text.substr(slash + 1);
    const auto bits = parse_decimal(bits_text, width(prefix->family));
    if (!bits) {
      return fail_value(
          value, bits_text,
          "expected a prefix length from 0 to " + std::to_string(width(prefix->family)));
    }
    prefix->bits = static_cast<std::uint8_t>(*bits);
  }
  if (is_mapped(*prefix)) {
    return fail_value(value, text, "expected the IPv4 form, " + to_string(unmapped(*prefix)));
  }
  if (const Prefix network = without_host_bits(*prefix); network != *prefix) {
    return fail_value(
        value, text,
        "expected no bits below the prefix length; did you mean " + to_string(network) + "?");
  }
  return *prefix;
}

struct NamedNumber {
  int number;
  std::string_view name;  ///< what to write instead; empty: it is no protocol of its own
};

/// Numbers that have a name here, and headers of IPv6 with which no packet ends (RFC 8200, 4; RFC
/// 6275; RFC 7401; RFC 5533): what follows them is judged.
constexpr NamedNumber named_numbers[] = {{1, "icmp"},  {6, "tcp"},    {17, "udp"},  {33, "dccp"},
                                         {58, "icmp"}, {132, "sctp"}, {136, "udp"}, {0, ""},
                                         {43, ""},     {44, ""},      {51, ""},     {59, ""},
                                         {60, ""},     {135, ""},     {139, ""},    {140, ""}};

Result<PortRange> parse_number_of_protocol(const ValueText& value, std::string_view text) {
  const auto number = parse_decimal(text, 255);
  if (!number) return fail_value(value, text, "expected the number of a protocol, 1 to 255");
  for (const NamedNumber& one : named_numbers) {
    if (one.number != *number) continue;
    if (one.name.empty()) {
      return fail_value(value, text, "expected a protocol that is no extension header of IPv6");
    }
    return fail_value(value, text, "expected " + std::string(one.name) + ", which is its name");
  }
  const auto same = static_cast<std::uint16_t>(*number);
  return PortRange{same, same};
}

Result<Endpoint> parse_endpoint(const ValueText& value, std::string_view text,
                                const ListGrammar& grammar) {
  const std::size_t at = text.find('@');
  const std::string_view service = text.substr(0, at);
  const std::size_t slash = service.find('/');
  Endpoint endpoint;
  endpoint.protocol = SL_TRY(parse_protocol(value, service.substr(0, slash), grammar));
  if (endpoint.protocol == Protocol::numbered) {
    if (slash == std::string_view::npos) {
      return fail_value(value, service, "expected the number of a protocol, as in proto/112");
    }
    endpoint.ports = SL_TRY(parse_number_of_protocol(value, service.substr(slash + 1)));
  } else if (slash != std::string_view::npos) {
    if (endpoint.protocol == Protocol::icmp) {
      return fail_value(value, service.substr(slash), "expected no port: icmp has none");
    }
    endpoint.ports = SL_TRY(parse_range(value, service.substr(slash + 1)));
  }
  if (at != std::string_view::npos) {
    endpoint.prefix = SL_TRY(parse_prefix(value, text.substr(at + 1)));
  }
  return endpoint;
}

/// A resolver asks again by TCP when an answer is large (RFC 7766): who names one means both.
Result<std::vector<Endpoint>> parse_item(const ValueText& value, std::string_view item,
                                         const ListGrammar& grammar) {
  constexpr PortRange dns{53, 53};
  const std::size_t at = item.find('@');
  if (item.substr(0, at) != "dns") return std::vector{SL_TRY(parse_endpoint(value, item, grammar))};
  std::optional<Prefix> prefix;
  if (at != std::string_view::npos) prefix = SL_TRY(parse_prefix(value, item.substr(at + 1)));
  return std::vector{Endpoint{Protocol::tcp, dns, prefix}, Endpoint{Protocol::udp, dns, prefix}};
}

Result<std::vector<Endpoint>> parse_list(const ValueText& value, const ListGrammar& grammar) {
  std::vector<Endpoint> endpoints;
  for (const std::string_view item : split_list(value.text)) {
    for (const Endpoint& one : SL_TRY(parse_item(value, item, grammar))) endpoints.push_back(one);
  }
  std::sort(endpoints.begin(), endpoints.end());
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
  return endpoints;
}

}  // namespace

Result<std::vector<Endpoint>> parse_endpoints(const ValueText& value) {
  return parse_list(value, endpoints_grammar);
}

Result<std::vector<Endpoint>> parse_peers(const ValueText& value) {
  return parse_list(value, peers_grammar);
}

Result<std::vector<Endpoint>> parse_ports(const ValueText& value) {
  return parse_list(value, ports_grammar);
}

Result<Endpoint> parse_port_item(const ValueText& value, std::string_view item) {
  return parse_endpoint(value, item, ports_grammar);
}

std::string_view to_string(Protocol protocol) {
  constexpr std::string_view names[] = {"tcp", "udp", "icmp", "sctp", "dccp", "proto"};
  return names[static_cast<std::size_t>(protocol)];
}

std::string to_string(const PortRange& ports) {
  if (ports.first == ports.last) return std::to_string(ports.first);
  return std::to_string(ports.first) + "-" + std::to_string(ports.last);
}

std::string to_string(const Prefix& prefix) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = prefix.family == AddressFamily::ipv4 ? AF_INET : AF_INET6;
  ::inet_ntop(family, prefix.address.data(), text.data(), text.size());
  std::string out(text.data());
  if (prefix.bits != width(prefix.family)) out.append("/").append(std::to_string(prefix.bits));
  return out;
}

std::string to_string(const Endpoint& endpoint) {
  std::string text(to_string(endpoint.protocol));
  if (endpoint.ports != PortRange{}) text.append("/").append(to_string(endpoint.ports));
  if (endpoint.prefix) text.append("@").append(to_string(*endpoint.prefix));
  return text;
}

std::string to_string(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (const Endpoint& endpoint : endpoints) {
    if (!text.empty()) text += ' ';
    text += to_string(endpoint);
  }
  return text;
}

}  // namespace socklid::annotations
