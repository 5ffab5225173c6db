// SPDX-License-Identifier: Apache-2.0
#include "annotations/settings.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>
#include <vector>

#include "annotations/family.hpp"
#include "annotations/subject.hpp"

namespace socklid::annotations {
namespace {

Result<Verdict> parse_verdict(const ValueText& value) {
  if (value.text == "allow") return Verdict::allow;
  if (value.text == "deny") return Verdict::deny;
  return fail_value(value, value.text, "expected allow or deny");
}

/// allow, deny, or a list that `parse_list` reads; `example` is one.
Result<std::optional<Endpoints>> parse_rule(const ValueText& value,
                                            Result<Endpoints> (*parse_list)(const ValueText&),
                                            std::string_view example) {
  if (!value.is_array && value.text == "allow") return std::optional<Endpoints>{};
  if (!value.is_array && value.text == "deny") return std::optional(Endpoints{});
  Endpoints named = SL_TRY(parse_list(value));
  if (named.empty()) {
    return fail_value(value, value.text, "expected allow, deny, or " + std::string(example));
  }
  return std::optional(std::move(named));
}

Result<std::optional<Endpoints>> parse_connect(const ValueText& value) {
  return parse_rule(value, parse_endpoints, "endpoints such as tcp/443 udp/53@10.0.0.1");
}

Result<std::optional<Endpoints>> parse_bind(const ValueText& value) {
  return parse_rule(value, parse_ports, "ports such as tcp/80 udp/53");
}

/// Of a key whose default depends on others.
Result<std::optional<Verdict>> parse_given_verdict(const ValueText& value) {
  return std::optional(SL_TRY(parse_verdict(value)));
}

Result<Otherwise> parse_otherwise(const ValueText& value) {
  if (value.text == "drop") return Otherwise::drop;
  if (value.text == "reject") return Otherwise::reject;
  return fail_value(value, value.text, "expected drop or reject");
}

constexpr std::string_view answer_words[] = {"peer", "host", "any"};

Result<Answers> parse_answers(const ValueText& value) {
  const auto* const found = std::find(std::begin(answer_words), std::end(answer_words), value.text);
  if (found != std::end(answer_words)) {
    return static_cast<Answers>(found - std::begin(answer_words));
  }
  return fail_value(value, value.text, "expected peer, host or any");
}

std::string print_answers(Answers answers) {
  return std::string(answer_words[static_cast<std::size_t>(answers)]);
}

std::string print_verdict(Verdict verdict) {
  return verdict == Verdict::allow ? "allow" : "deny";
}

std::string print_given_verdict(const std::optional<Verdict>& verdict) {
  return print_verdict(*verdict);
}

std::string print_rule(const std::optional<Endpoints>& rule) {
  return rule->empty() ? "deny" : to_string(*rule);
}

std::string print_otherwise(const std::optional<Otherwise>& otherwise) {
  return *otherwise == Otherwise::drop ? "drop" : "reject";
}

std::string print_seal(const Seal& seal) {
  return to_string(seal);
}

std::string print_options(const OpenedOptions& options) {
  return to_string(options);
}

std::string print_deputies(const Deputies& deputies) {
  return to_string(deputies);
}

/// Of a setting that is there or not.
template <typename Value>
std::string print_value(const std::optional<Value>& value) {
  return to_string(*value);
}

/// The row of a setting that is the member `field` of Policy.
template <auto field, auto parse_value, auto print_field>
constexpr Setting row(Key key, KeyInfo info, Setting::Json json = Setting::Json::string) {
  return {
      .key = key,
      .info = info,
      .json = json,
      .read = [](const ValueText& value, Policy& policy) -> Result<> {
        policy.*field = SL_TRY(parse_value(value));
        return {};
      },
      .copy = [](const Policy& from, Policy& to) { to.*field = from.*field; },
      .given =
          [](const Policy& policy) {
            static const Policy nothing{};
            return policy.*field != nothing.*field;
          },
      .print = [](const Policy& policy) { return print_field(policy.*field); },
  };
}

/// The row of a key of later versions, known so that asking for it is refused by name. A value that
/// means what this version does anyway is accepted and changes nothing.
constexpr Setting later(Key key, KeyInfo info, Result<> (*read)(const ValueText&, Policy&)) {
  return {
      .key = key,
      .info = info,
      .json = Setting::Json::string,
      .read = read,
      .copy = [](const Policy& /*from*/, Policy& /*to*/) {},
      .given = [](const Policy& /*policy*/) { return false; },
      .print = [](const Policy& /*policy*/) { return std::string(); },
  };
}

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

Result<> read_nothing(const ValueText& value, Policy& /*policy*/) {
  return fail_unsupported(value, "not available in this version");
}

constexpr std::string_view verdicts = "allow | deny";

constexpr Setting table[] = {
    row<&Policy::create, parse_verdict, print_verdict>(
        Key::create,
        {"io.socklid.create", verdicts,
         "whether sockets may be created, of any family but unix and netlink for reading routes; "
         "accepting on an open listener goes on"}),
    row<&Policy::create_tcp, parse_verdict, print_verdict>(
        Key::create_tcp,
        {"io.socklid.create.tcp", verdicts,
         "whether TCP sockets may be created, and sockets of anything that speaks TCP (MPTCP, "
         "SMC)"}),
    row<&Policy::create_udp, parse_verdict, print_verdict>(
        Key::create_udp,
        {"io.socklid.create.udp", verdicts, "whether UDP and UDP-Lite sockets may be created"}),
    row<&Policy::families, parse_families, print_value<std::vector<Family>>>(
        Key::families,
        {"io.socklid.families", "FAMILIES",
         "which families of sockets may be created at all; a policy that restricts the network "
         "closes the rest"},
        Setting::Json::array),
    row<&Policy::options, parse_opened_options, print_options>(
        Key::options,
        {"io.socklid.options", "OPTIONS",
         "which dangerous socket options are open all the same: transparent, for a foreign source "
         "address; source-groups, for multicast groups from given sources"},
        Setting::Json::array),
    row<&Policy::connect, parse_connect, print_rule>(
        Key::connect,
        {"io.socklid.connect", "allow | deny | ENDPOINTS",
         "which peers may be chosen, loopback included: connect, addressed send, TCP Fast Open"},
        Setting::Json::array),
    row<&Policy::bind, parse_bind, print_rule>(
        Key::bind,
        {"io.socklid.bind", "allow | deny | PORTS",
         "which local ports may be bound and listened on; with io.socklid.egress also which "
         "inbound service is answered"},
        Setting::Json::array),
    row<&Policy::listen, parse_verdict, print_verdict>(
        Key::listen,
        {"io.socklid.listen", verdicts, "whether listen(2) may be called, on a bound socket too"}),
    row<&Policy::accept, parse_verdict, print_verdict>(
        Key::accept,
        {"io.socklid.accept", verdicts, "whether connections may be accepted, on any listener"}),
    row<&Policy::shutdown, parse_verdict, print_verdict>(
        Key::shutdown,
        {"io.socklid.shutdown", verdicts,
         "whether shutdown(2) may be called on network sockets; closing them always may"}),
    row<&Policy::mark, parse_mark, print_value<Mark>>(
        Key::mark,
        {"io.socklid.mark", "N | 0xN | N/MASK",
         "the mark that every packet of the container's new sockets carries"},
        Setting::Json::integer),
    row<&Policy::egress, parse_endpoints, print_value<Endpoints>>(
        Key::egress,
        {"io.socklid.egress", "ENDPOINTS",
         "which packets may leave the container; none if the list is empty"},
        Setting::Json::array),
    row<&Policy::otherwise, parse_otherwise, print_otherwise>(
        Key::otherwise,
        {"io.socklid.otherwise", "drop | reject",
         "what becomes of packets that io.socklid.egress does not name; reject if not given"}),
    row<&Policy::seal, parse_seal, print_seal>(
        Key::seal,
        {"io.socklid.seal", "start | listen [PORTS] | accept | DURATION | manual",
         "from when on create, connect, bind, listen, accept and shutdown are held to the policy; "
         "once and for all; start if not given"}),
    row<&Policy::deputies, parse_deputies, print_deputies>(
        Key::deputies,
        {"io.socklid.deputies", "DEPUTIES",
         "what the kernel may do on the container's behalf although the policy restricts: keys, "
         "for upcalls; mounts, for file systems of the network; sysfs; sysctl"},
        Setting::Json::array),
    row<&Policy::bpf, parse_given_verdict, print_given_verdict>(
        Key::bpf,
        {"io.socklid.bpf", "deny | allow",
         "whether bpf(2) may be called, for agents that load programs of their own; device "
         "programs below the container's cgroup always may"}),
    row<&Policy::answers, parse_answers, print_answers>(
        Key::answers,
        {"io.socklid.answers", "peer | host | any",
         "who may answer a datagram under io.socklid.egress: the peer that was asked, any port of "
         "its address, or anybody; peer if not given"}),
    {
        .key = Key::subject,
        .info = {"io.socklid.subject.NAME", "PATHS [MEMBER=VALUE ...]",
                 "a program of the container that has less than the container: the keys above, "
                 "as members, that hold for whatever runs in it"},
        .json = Setting::Json::string,
        .read = read_nothing,
        .copy = [](const Policy& from, Policy& to) { to.subjects = from.subjects; },
        .given = [](const Policy& policy) { return !policy.subjects.empty(); },
        .print = [](const Policy& /*policy*/) { return std::string(); },
    },
    {
        .key = Key::readonly,
        .info = {"io.socklid.readonly", "PATHS",
                 "files and directories that nobody in the container may change; !PATH is an "
                 "exception"},
        .json = Setting::Json::array,
        .read = read_nothing,
        .copy = [](const Policy& from, Policy& to) { to.readonly = from.readonly; },
        .given = [](const Policy& policy) { return !policy.readonly.empty(); },
        .print = [](const Policy& /*policy*/) { return std::string(); },
    },
    later(
        Key::mode,
        {"io.socklid.mode", "enforce", "whether to deny or to tell; only enforce in this version"},
        read_mode),
    later(Key::profile,
          {"io.socklid.profile", "NAME", "a policy of the node by its name; not in this version"},
          read_profile),
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < std::size(table); ++i) {
    if (table[i].key != static_cast<Key>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "a row for each Key, in the order of the enumeration");

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

OwnText name_of(Key key) {
  return table[static_cast<std::size_t>(key)].info.name;
}

std::vector<std::string_view> Keys::names() const {
  std::vector<std::string_view> names;
  for (const Setting& setting : table) {
    if (has(setting.key)) names.push_back(setting.info.name);
  }
  return names;
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
