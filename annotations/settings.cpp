// SPDX-License-Identifier: Apache-2.0
#include "annotations/settings.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "annotations/family.hpp"
#include "annotations/nearest.hpp"
#include "annotations/subject.hpp"
#include "annotations/subject/paths.hpp"
#include "base/text.hpp"

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

Result<> read_subject(const ValueText& value, Policy& policy) {
  policy.subjects.assign(1, SL_TRY(parse_subject(value)));
  return {};
}

/// Each takes the place of the one that has its name.
void copy_subjects(const Policy& from, Policy& to) {
  for (const Subject& subject : from.subjects) {
    const auto place = std::lower_bound(
        to.subjects.begin(), to.subjects.end(), subject.name,
        [](const Subject& one, const std::string& name) { return one.name < name; });
    if (place != to.subjects.end() && place->name == subject.name) {
      *place = subject;
    } else {
      to.subjects.insert(place, subject);
    }
  }
}

std::string print_subjects(const Policy& policy) {
  std::vector<std::string> texts;
  for (const Subject& subject : policy.subjects) texts.push_back(to_string(subject));
  return joined(texts, "\n");
}

std::string print_readonly(const std::vector<ProtectedPath>& paths) {
  return to_string(paths);
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
         "which dangerous socket options stay open although the policy restricts the network: "
         "transparent, for a foreign source address; source-groups, for multicast groups from "
         "given sources"},
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
         "the mark of every packet of sockets that the container makes"},
        Setting::Json::integer),
    row<&Policy::egress, parse_peers, print_value<Endpoints>>(
        Key::egress,
        {"io.socklid.egress", "ENDPOINTS",
         "which packets may leave the container; none if the list is empty"},
        Setting::Json::array),
    row<&Policy::otherwise, parse_otherwise, print_otherwise>(
        Key::otherwise,
        {"io.socklid.otherwise", "drop | reject",
         "what happens to packets that io.socklid.egress does not name; reject if not given"}),
    row<&Policy::seal, parse_seal, print_seal>(
        Key::seal,
        {"io.socklid.seal", "start | listen [PORTS] | accept | DURATION | manual",
         "when create, connect, bind, listen, accept and shutdown begin to be held to the policy, "
         "once and for all; start if not given"}),
    row<&Policy::deputies, parse_deputies, print_deputies>(
        Key::deputies,
        {"io.socklid.deputies", "DEPUTIES",
         "what the kernel may still do on the container's behalf although the policy restricts the "
         "network: keys, for upcalls; mounts, for file systems of the network; sysfs; sysctl"},
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
        .info = {"io.socklid.subject.NAME", "PATHS MEMBER=VALUE ...",
                 "a program of the container and what is taken from whatever runs in it: members "
                 "are keys "
                 "such as bind and egress, and inherit, hours and zone",
                 "subjects"},
        .json = Setting::Json::object,
        .read = read_subject,
        .copy = copy_subjects,
        .given = [](const Policy& policy) { return !policy.subjects.empty(); },
        .print = print_subjects,
    },
    row<&Policy::readonly, parse_readonly, print_readonly>(
        Key::readonly,
        {"io.socklid.readonly", "PATHS",
         "files and directories that nobody in the container may change; !PATH is an exception"},
        Setting::Json::paths),
    later(Key::mode,
          {"io.socklid.mode", "enforce",
           "whether to deny or only to report; only enforce in this version"},
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
  all.back() = {policy_key, "JSON", "all of these keys in one document"};
  return all;
}();

}  // namespace

std::span<const KeyInfo> keys() {
  return infos;
}

std::span<const Setting> settings() {
  return table;
}

const Setting& setting_of(Key key) {
  return table[static_cast<std::size_t>(key)];
}

OwnText name_of(Key key) {
  return setting_of(key).info.name;
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

const Setting* find_member_setting(std::string_view member) {
  const auto* const found =
      std::find_if(std::begin(table), std::end(table),
                   [&](const Setting& one) { return member_of(one.info) == member; });
  return found == std::end(table) ? nullptr : found;
}

const KeyInfo* nearest_key(std::string_view name) {
  // Whatever the name of a subject is, it is not the key that it is compared with.
  std::vector<std::string_view> own;
  for (const KeyInfo& info : infos) own.push_back(stem_of(info).substr(key_prefix.size()));
  const std::string_view given = name.substr(std::min(name.size(), key_prefix.size()));
  const auto find = [&](std::string_view word) -> const KeyInfo* {
    const std::string_view nearest = nearest_of(word, own);
    if (nearest.empty()) return nullptr;
    return &infos[static_cast<std::size_t>(std::find(own.begin(), own.end(), nearest) -
                                           own.begin())];
  };
  if (const KeyInfo* whole = find(given)) return whole;
  const KeyInfo* first_part = find(given.substr(0, given.find('.')));
  return first_part != nullptr && is_named(*first_part) ? first_part : nullptr;
}

}  // namespace socklid::annotations
