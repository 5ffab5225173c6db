// SPDX-License-Identifier: Apache-2.0
#include "annotations/settings.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "annotations/family.hpp"

namespace socklid::annotations {
namespace {

Result<Verdict> parse_verdict(const ValueText& value) {
  if (value.text == "allow") return Verdict::allow;
  if (value.text == "deny") return Verdict::deny;
  return fail_value(value, value.text, "expected allow or deny");
}

/// allow, deny, or a list that `parse_list` reads; `example` is one.
Result<EndpointRule> parse_rule(const ValueText& value,
                                Result<std::vector<Endpoint>> (*parse_list)(const ValueText&),
                                std::string_view example) {
  if (!value.is_array && value.text == "allow") return EndpointRule{};
  if (!value.is_array && value.text == "deny") return EndpointRule{Verdict::deny, {}};
  EndpointRule rule{Verdict::deny, SL_TRY(parse_list(value))};
  if (rule.endpoints.empty()) {
    return fail_value(value, value.text, "expected allow, deny, or " + std::string(example));
  }
  return rule;
}

Result<EndpointRule> parse_connect(const ValueText& value) {
  return parse_rule(value, parse_endpoints, "endpoints such as tcp/443 udp/53@10.0.0.1");
}

Result<EndpointRule> parse_bind(const ValueText& value) {
  return parse_rule(value, parse_ports, "ports such as tcp/80 udp/53");
}

Result<Otherwise> parse_otherwise(const ValueText& value) {
  if (value.text == "drop") return Otherwise::drop;
  if (value.text == "reject") return Otherwise::reject;
  return fail_value(value, value.text, "expected drop or reject");
}

template <auto parse_value, auto field>
Result<> read(const ValueText& value, Policy& policy) {
  policy.*field = SL_TRY(parse_value(value));
  return {};
}

template <auto field>
void copy(const Policy& from, Policy& to) {
  to.*field = from.*field;
}

// The keys of later versions, known so that asking for them is refused by name. Their one value
// that means what this version does anyway is accepted and changes nothing.
void copy_nothing(const Policy& /*from*/, Policy& /*to*/) {}

Result<> read_mode(const ValueText& value, Policy& /*policy*/) {
  if (value.text == "enforce") return {};
  return fail_unsupported(value,
                          "not available in this version; use enforce, which is also what holds "
                          "without io.socklid.mode");
}

Result<> read_profile(const ValueText& value, Policy& /*policy*/) {
  return fail_unsupported(value,
                          "profiles are not available in this version; write the policy into the "
                          "annotations, or into io.socklid.policy");
}

constexpr std::string_view verdicts = "allow | deny";

constexpr Setting table[] = {
    {{"io.socklid.create", verdicts,
      "whether sockets may be created, of any family but unix and netlink for reading routes; "
      "accepting on an open listener goes on"},
     Setting::Json::string,
     read<parse_verdict, &Policy::create>,
     copy<&Policy::create>},
    {{"io.socklid.create.tcp", verdicts,
      "whether TCP sockets may be created, and sockets of anything that speaks TCP (MPTCP, SMC)"},
     Setting::Json::string,
     read<parse_verdict, &Policy::create_tcp>,
     copy<&Policy::create_tcp>},
    {{"io.socklid.create.udp", verdicts, "whether UDP and UDP-Lite sockets may be created"},
     Setting::Json::string,
     read<parse_verdict, &Policy::create_udp>,
     copy<&Policy::create_udp>},
    {{"io.socklid.families", "FAMILIES",
      "which families of sockets may be created at all; a policy that restricts the network closes "
      "the rest"},
     Setting::Json::array,
     read<parse_families, &Policy::families>,
     copy<&Policy::families>},
    {{"io.socklid.connect", "allow | deny | ENDPOINTS",
      "which peers may be chosen, loopback included: connect, addressed send, TCP Fast Open"},
     Setting::Json::array,
     read<parse_connect, &Policy::connect>,
     copy<&Policy::connect>},
    {{"io.socklid.bind", "allow | deny | PORTS",
      "which local ports may be bound and listened on; with io.socklid.egress also which inbound "
      "service is answered"},
     Setting::Json::array,
     read<parse_bind, &Policy::bind>,
     copy<&Policy::bind>},
    {{"io.socklid.listen", verdicts, "whether listen(2) may be called, on a bound socket too"},
     Setting::Json::string,
     read<parse_verdict, &Policy::listen>,
     copy<&Policy::listen>},
    {{"io.socklid.accept", verdicts, "whether connections may be accepted, on any listener"},
     Setting::Json::string,
     read<parse_verdict, &Policy::accept>,
     copy<&Policy::accept>},
    {{"io.socklid.shutdown", verdicts,
      "whether shutdown(2) may be called on network sockets; closing them always may"},
     Setting::Json::string,
     read<parse_verdict, &Policy::shutdown>,
     copy<&Policy::shutdown>},
    {{"io.socklid.mark", "N | 0xN | N/MASK",
      "the mark that every packet of the container's new sockets carries"},
     Setting::Json::integer,
     read<parse_mark, &Policy::mark>,
     copy<&Policy::mark>},
    {{"io.socklid.egress", "ENDPOINTS",
      "which packets may leave the container; none if the list is empty"},
     Setting::Json::array,
     read<parse_endpoints, &Policy::egress>,
     copy<&Policy::egress>},
    {{"io.socklid.otherwise", "drop | reject",
      "what becomes of packets that io.socklid.egress does not name; reject if not given"},
     Setting::Json::string,
     read<parse_otherwise, &Policy::otherwise>,
     copy<&Policy::otherwise>},
    {{"io.socklid.seal", "start | listen [PORTS] | accept | DURATION | manual",
      "from when on create, connect, bind, listen, accept and shutdown are held to the policy; "
      "once "
      "and for all; start if not given"},
     Setting::Json::string,
     read<parse_seal, &Policy::seal>,
     copy<&Policy::seal>},
    {{"io.socklid.mode", "enforce", "whether to deny or to tell; only enforce in this version"},
     Setting::Json::string,
     read_mode,
     copy_nothing},
    {{"io.socklid.profile", "NAME", "a policy of the node by its name; not in this version"},
     Setting::Json::string,
     read_profile,
     copy_nothing},
};

constexpr auto infos = [] {
  std::array<KeyInfo, std::size(table) + 1> all{};
  std::transform(std::begin(table), std::end(table), all.begin(),
                 [](const Setting& setting) { return setting.info; });
  all.back() = {policy_key, "JSON", "all of the above in one document"};
  return all;
}();

/// How many characters to insert, delete or replace to make one out of the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::span<const KeyInfo> keys() {
  return infos;
}

std::span<const Setting> settings() {
  return table;
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : table) {
    if (setting.info.name == name) return &setting;
  }
  return nullptr;
}

OwnText nearest_key(std::string_view name) {
  constexpr std::size_t longest = 64;  // of a name worth comparing
  if (name.size() > longest) return {};
  OwnText nearest;
  std::size_t best = longest;
  for (const KeyInfo& info : infos) {
    const std::size_t distance = edit_distance(name, info.name);
    // A third of the part that is the key's own: more than that is another word.
    const std::size_t near = (info.name.view().size() - key_prefix.size()) / 3 + 1;
    if (distance <= near && distance < best) {
      best = distance;
      nearest = info.name;
    }
  }
  return nearest;
}

}  // namespace socklid::annotations
