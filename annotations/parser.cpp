// SPDX-License-Identifier: Apache-2.0
#include "annotations/parser.hpp"

#include <algorithm>
#include <optional>

#include "annotations/document.hpp"
#include "annotations/nearly_ours.hpp"
#include "annotations/settings.hpp"
#include "annotations/subject.hpp"
#include "annotations/value_text.hpp"

namespace socklid::annotations {
namespace {

/// A key taken apart: "io.socklid.bind/web" is the setting io.socklid.bind for the container web.
struct GivenKey {
  const Setting* setting{nullptr};  ///< null: io.socklid.policy
  std::string_view base;            ///< "io.socklid.bind", "io.socklid.subject.sshd"
  std::string_view subject;         ///< "sshd"; empty: the setting is no subject
  std::optional<std::string_view> container;

  [[nodiscard]] OwnText name() const { return setting ? setting->info.name : policy_key; }
};

/// RFC 1123, as Kubernetes has it for the names of containers.
bool is_dns_label(std::string_view name) {
  const auto is_inner = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), is_inner);
}

/// Of io.socklid.subject.NAME: the setting, and NAME. `whole` is what errors call it.
Result<GivenKey> parse_subject_key(std::string_view base, std::string_view whole) {
  const Setting& setting = setting_of(Key::subject);
  const std::string_view stem = stem_of(setting.info);
  const std::string_view name = base.substr(std::min(base.size(), stem.size() + 1));
  if (!is_subject_name(name)) return fail_subject_name(excerpt(whole));
  return GivenKey{&setting, base, name, std::nullopt};
}

Result<GivenKey> parse_base(std::string_view base, std::string_view whole) {
  const std::string_view stem = stem_of(setting_of(Key::subject).info);
  if (base == stem || (base.starts_with(stem) && base[stem.size()] == '.')) {
    return parse_subject_key(base, whole);
  }
  const Setting* setting = find_setting(base);
  if (setting == nullptr && base != policy_key) {
    return fail_unknown(excerpt(whole), "unknown annotation", base, Called::key);
  }
  return GivenKey{setting, base, {}, std::nullopt};
}

Result<GivenKey> parse_key(std::string_view text) {
  const std::size_t slash = text.find('/');
  GivenKey key = SL_TRY(parse_base(text.substr(0, slash), text));
  if (slash == std::string_view::npos) return key;
  key.container = text.substr(slash + 1);
  if (!is_dns_label(*key.container)) {
    return fail(Exit::annotation,
                excerpt(text) +
                    ": expected the name of a container after the slash: a to z, 0 to "
                    "9 and -, at most 63 of them",
                {.key = key.name()});
  }
  return key;
}

/// Whether a key is for the container called `ours`, of which the engine may have said nothing.
Result<bool> concerns(const GivenKey& key, std::string_view text, std::string_view ours) {
  if (!key.container) return true;
  if (!ours.empty()) return *key.container == ours;
  const std::string name(text.substr(0, text.find('/')));
  return fail(
      Exit::annotation, text,
      ": this engine does not say what the container is called in its pod "
      "(podman and bare runtimes never do, though podman generate kube writes such keys): use ",
      name, ", or give each container its own by podman run --pod");
}

Result<> check_size(std::string_view key, std::string_view value, std::size_t limit,
                    std::string_view remedy) {
  if (value.size() <= limit) return {};
  return fail(Exit::annotation, key, ": ", quote(value), ": ", value.size(),
              " bytes, the limit is ", limit, remedy);
}

/// What the annotations say, each key on its own.
struct Collected {
  GivenSettings by_key;
  GivenSettings by_document;
};

/// Annotations are in byte order, so KEY comes before KEY/CONTAINER, which replaces it.
Result<> collect(const GivenKey& key, const ValueText& value, Collected& collected) {
  if (key.setting == nullptr) {
    SL_CHECK(check_size(value.key, value.text, max_policy_bytes, ""));
    collected.by_document = SL_TRY(read_document(value));
    return {};
  }
  SL_CHECK(check_size(value.key, value.text, max_value_bytes, "; io.socklid.policy holds more"));
  collected.by_key[std::string(key.base)] = SL_TRY(read_setting(*key.setting, value));
  return {};
}

Result<Policy> merge(const Collected& collected) {
  Policy policy;
  for (const auto& [name, given] : collected.by_document)
    given.setting->copy(given.meaning, policy);
  for (const auto& [name, given] : collected.by_key) {
    const auto other = collected.by_document.find(name);
    if (other != collected.by_document.end() && other->second.meaning != given.meaning) {
      return fail(Exit::annotation,
                  given.label + ": " + given.shown + ": contradicts " + other->second.label + ": " +
                      other->second.shown + "; give one of them",
                  {.key = given.setting->info.name});
    }
    given.setting->copy(given.meaning, policy);
  }
  return policy;
}

/// Of a setting that was given: it lacks another one beside it.
Failure fail_alone(const Collected& collected, Key setting, std::string_view problem) {
  const std::string_view name = name_of(setting);
  const auto key = collected.by_key.find(name);
  const Given& given =
      key != collected.by_key.end() ? key->second : collected.by_document.find(name)->second;
  return fail(Exit::annotation, given.label + ": " + given.shown + ": " + std::string(problem),
              {.key = given.setting->info.name});
}

/// Whether `is` holds for the container's policy or that of a subject.
template <typename Is>
bool any_policy(const Policy& policy, const Is& is) {
  return is(policy) || std::any_of(policy.subjects.begin(), policy.subjects.end(),
                                   [&](const Subject& subject) { return is(subject.policy); });
}

/// Protocols by their number are spoken by raw sockets alone.
Result<> check_numbered(const Policy& policy) {
  const auto numbered = [](const Endpoint& one) { return one.protocol == Protocol::numbered; };
  const Endpoints& egress = named(policy.egress);
  const auto found = std::find_if(egress.begin(), egress.end(), numbered);
  if (found == egress.end()) return {};
  const bool raw = policy.families &&
                   std::any_of(policy.families->begin(), policy.families->end(),
                               [](const Family& one) { return one.kind == Family::Kind::raw; });
  if (raw) return {};
  return fail(Exit::annotation, "io.socklid.egress: ", to_string(*found),
              ": expected io.socklid.families with raw beside it: only raw sockets send that");
}

/// What opens something, without anything that closes it.
Result<> check_openings(const Policy& policy, const Collected& collected) {
  const bool has_egress =
      any_policy(policy, [](const Policy& one) { return one.egress.has_value(); });
  const bool restricted =
      any_policy(policy, [](const Policy& one) { return restricts(one); }) ||
      std::any_of(policy.subjects.begin(), policy.subjects.end(),
                  [](const Subject& subject) { return !subject.hours.empty(); });
  if (policy.answers != Answers::peer && !has_egress) {
    return fail_alone(
        collected, Key::answers,
        "expected io.socklid.egress beside it: without egress everybody's answers come in");
  }
  if (policy.options != OpenedOptions{} && !restricted) {
    return fail_alone(collected, Key::options,
                      "expected a key beside it that restricts the network, such as "
                      "io.socklid.connect or io.socklid.egress: without one all options are open");
  }
  if (policy.deputies != Deputies{} && !restricted) {
    return fail_alone(collected, Key::deputies,
                      "expected a key beside it that restricts the network, such as "
                      "io.socklid.connect or io.socklid.egress: without one all deputies are open");
  }
  if (policy.bpf == Verdict::allow && (given_keys(policy) & policy_keys).empty()) {
    return fail_alone(collected, Key::bpf,
                      "expected a policy beside it, such as io.socklid.connect: without one bpf(2) "
                      "is open");
  }
  return {};
}

std::size_t count_endpoints(const Policy& policy) {
  return named(policy.connect).size() + named(policy.bind).size() + named(policy.egress).size();
}

Result<> check_endpoints(const Policy& policy) {
  std::size_t endpoints = count_endpoints(policy);
  for (const Subject& subject : policy.subjects) endpoints += count_endpoints(subject.policy);
  if (endpoints <= max_endpoints) return {};
  return fail(Exit::annotation, policy_key, ": ", endpoints,
              " endpoints in all lists together, the limit is ", max_endpoints);
}

Result<> check_whole(const Policy& policy, const Collected& collected) {
  if (policy.otherwise && !policy.egress) {
    return fail_alone(collected, Key::otherwise,
                      "expected io.socklid.egress beside it, which says what may leave (an empty "
                      "list for nothing)");
  }
  SL_CHECK(check_openings(policy, collected));
  SL_CHECK(check_numbered(policy));
  if (policy.seal != Seal{} && (given_keys(policy) & held_back_keys).empty()) {
    return fail_alone(collected, Key::seal,
                      "expected one of io.socklid.create, connect, bind, listen, accept or "
                      "shutdown beside it, because everything else holds from the start");
  }
  SL_CHECK(check_subjects(policy.subjects));
  return check_endpoints(policy);
}

}  // namespace

bool any(const Annotations& annotations) {
  return std::any_of(annotations.begin(), annotations.end(),
                     [](const auto& one) { return concerns_us(one.first); });
}

bool concerns_us(std::string_view key) {
  return key.starts_with(key_prefix) || is_nearly_ours(key);
}

std::string on_one_line(std::string_view value) {
  const auto bare = BareText::of({.key = {}, .text = value});
  if (!bare) return std::string(value);
  std::string line;
  for (const std::string_view word : split(bare->value().text, ' ')) {
    if (word.empty()) continue;
    if (!line.empty()) line += ' ';
    line += word;
  }
  return line;
}

OwnText hook_outlet(const Annotations& annotations) {
  constexpr OwnText known[] = {"run.oci.hooks.stderr", "run.oci.hooks.stdout"};
  constexpr OwnText family = "run.oci.hooks.*";
  for (const OwnText& key : known) {
    if (annotations.contains(key.view())) return key;
  }
  constexpr std::string_view prefix = "run.oci.hooks";
  const auto first = annotations.lower_bound(prefix);
  return first != annotations.end() && first->first.starts_with(prefix) ? family : OwnText{};
}

Result<> check_outlets(const Annotations& annotations) {
  const OwnText key = hook_outlet(annotations);
  if (key.empty()) return {};
  return fail(Exit::annotation, key,
              ": is refused beside annotations of socklid's: with it crun appends what hooks "
              "print, as root, to any file of the host; take it away: `socklid doctor` and the "
              "system log say why a container was refused");
}

Result<Policy> parse(const Annotations& annotations, std::string_view container) {
  SL_CHECK(check_outlets(annotations));
  Collected collected;
  for (const auto& [text, value] : annotations) {
    if (is_nearly_ours(text)) return fail_nearly_ours(text);
    if (!text.starts_with(key_prefix)) continue;
    const GivenKey key = SL_TRY(parse_key(text));
    if (!SL_TRY(about(key.name(), concerns(key, text, container)))) continue;
    SL_CHECK(about(key.name(),
                   collect(key, {.key = text, .text = value, .name = key.subject}, collected)));
  }
  const Policy policy = SL_TRY(merge(collected));
  SL_CHECK(check_whole(policy, collected));
  return policy;
}

}  // namespace socklid::annotations
