// SPDX-License-Identifier: Apache-2.0
#include "annotations/seal.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"

namespace socklid::annotations {
namespace {

constexpr std::string_view expected =
    "expected start, listen, listen and ports such as tcp/80, accept, a duration such as 30s, 5m "
    "or 1h, or manual";
constexpr std::uint32_t longest_after = 7 * 24 * 3600;

struct Unit {
  char letter;
  std::uint32_t seconds;
};
constexpr std::array<Unit, 3> units = {{{'h', 3600}, {'m', 60}, {'s', 1}}};

/// Nothing if it does not look like one.
Result<std::optional<Seal>> parse_duration(const ValueText& value) {
  const std::string_view text = value.text;
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::optional<Seal>();
  const auto unit = std::find_if(units.begin(), units.end(),
                                 [&](const Unit& one) { return one.letter == text.back(); });
  const std::string_view digits = text.substr(0, text.size() - 1);
  const auto number = parse_number<std::uint32_t>(digits);
  if (unit == units.end() || !number || text.front() == '0' ||
      *number > longest_after / unit->seconds) {
    return fail_value(value, text,
                      "expected a duration from 1s to 7 days, a number and s, m or h: 30s, 5m, 1h");
  }
  return std::optional(Seal{Seal::Kind::after, {}, *number * unit->seconds});
}

Result<Endpoint> parse_listen(const ValueText& value, std::string_view item) {
  const Endpoint endpoint = SL_TRY(parse_port_item(value, item));
  if (endpoint.protocol != Protocol::tcp || endpoint.ports.first != endpoint.ports.last ||
      endpoint.ports.first == 0) {
    return fail_value(value, item,
                      "expected tcp and one port, such as tcp/80: other listens are not seen");
  }
  const std::optional<Prefix>& prefix = endpoint.prefix;
  if (prefix && prefix->bits != (prefix->family == AddressFamily::ipv4 ? 32 : 128)) {
    return fail_value(value, item, "expected an address, not a prefix");
  }
  return endpoint;
}

Result<Seal> parse_listens(const ValueText& value, std::string_view list) {
  Seal seal{Seal::Kind::listen, {}, 0};
  for (const std::string_view item : split_list(list)) {
    seal.listens.push_back(SL_TRY(parse_listen(value, item)));
  }
  std::sort(seal.listens.begin(), seal.listens.end());
  seal.listens.erase(std::unique(seal.listens.begin(), seal.listens.end()), seal.listens.end());
  if (seal.listens.empty() || seal.listens.size() > max_seal_listens) {
    return fail_value(value, list,
                      "expected one to " + std::to_string(max_seal_listens) + " listens");
  }
  return seal;
}

std::string duration_text(std::uint32_t seconds) {
  const auto unit = std::find_if(units.begin(), units.end() - 1,
                                 [&](const Unit& one) { return seconds % one.seconds == 0; });
  return std::to_string(seconds / unit->seconds) + unit->letter;
}

}  // namespace

Result<Seal> parse_seal(const ValueText& value) {
  constexpr std::string_view listen = "listen";
  const std::string_view text = value.text;
  if (text == "start") return Seal{};
  if (text == "accept") return Seal{Seal::Kind::accept, {}, 0};
  if (text == "manual") return Seal{Seal::Kind::manual, {}, 0};
  if (text == listen) return Seal{Seal::Kind::listen, {}, 0};
  if (text.starts_with(listen) && text[listen.size()] == ' ') {
    return parse_listens(value, text.substr(listen.size()));
  }
  if (const auto duration = SL_TRY(parse_duration(value))) return *duration;
  return fail_value(value, text, expected);
}

std::string to_string(const Seal& seal) {
  switch (seal.kind) {
    case Seal::Kind::listen:
      return seal.listens.empty() ? "listen" : "listen " + to_string(seal.listens);
    case Seal::Kind::accept:
      return "accept";
    case Seal::Kind::after:
      return duration_text(seal.seconds);
    case Seal::Kind::manual:
      return "manual";
    case Seal::Kind::start:
      break;
  }
  return "start";
}

}  // namespace socklid::annotations
