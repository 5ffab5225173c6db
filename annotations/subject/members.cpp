// SPDX-License-Identifier: Apache-2.0
#include "annotations/subject/members.hpp"

#include <algorithm>

#include "annotations/nearest.hpp"
#include "annotations/subject/hours.hpp"
#include "annotations/subject/paths.hpp"
#include "base/text.hpp"

namespace socklid::annotations {
namespace {

constexpr std::string_view everyone_else = "*";
constexpr std::uint8_t most_levels = 100;

Result<> read_inherit(const ValueText& value, Subject& subject) {
  const auto number = parse_number<std::uint8_t>(value.text);
  const bool leads_with_0 = value.text.size() > 1 && value.text.starts_with('0');
  if (value.text == "all") {
    subject.inherit = inherit_all;
  } else if (value.text == "none") {
    subject.inherit = 0;
  } else if (number && *number <= most_levels && !leads_with_0) {
    subject.inherit = *number;
  } else {
    return fail_value(value, value.text, "expected all, none, or a number from 0 to 100");
  }
  return {};
}

Result<> read_hours(const ValueText& value, Subject& subject) {
  subject.hours = SL_TRY(parse_hours(value));
  return {};
}

Result<> read_zone(const ValueText& value, Subject& subject) {
  subject.zone = SL_TRY(parse_zone(value));
  return {};
}

constexpr OwnMember table[] = {
    {"inherit", Setting::Json::integer, false, read_inherit,
     [](const Subject& subject) { return subject.inherit != inherit_all; },
     [](const Subject& subject) {
       return subject.inherit == 0 ? std::string("none") : std::to_string(subject.inherit);
     }},
    {"hours", Setting::Json::array, true, read_hours,
     [](const Subject& subject) { return !subject.hours.empty(); },
     [](const Subject& subject) { return to_string(subject.hours); }},
    {"zone", Setting::Json::string, false, read_zone,
     [](const Subject& subject) { return subject.zone != Subject{}.zone; },
     [](const Subject& subject) { return subject.zone; }},
};

std::string_view member_name(const Setting& setting) {
  return setting.info.name.view().substr(key_prefix.size());
}

std::vector<std::string_view> member_names() {
  std::vector<std::string_view> names;
  for (const Setting& setting : settings()) {
    if (subject_keys.has(setting.key)) names.push_back(member_name(setting));
  }
  for (const OwnMember& own : table) names.push_back(own.name);
  return names;
}

}  // namespace

std::span<const OwnMember> own_members() {
  return table;
}

std::string_view Member::name() const {
  return setting != nullptr ? member_name(*setting) : own->name;
}

Result<> Member::read(const ValueText& value, Subject& subject) const {
  return setting != nullptr ? setting->read(value, subject.policy) : own->read(value, subject);
}

Result<Member> find_member(std::string_view label, std::string_view name) {
  for (const OwnMember& own : table) {
    if (own.name == name) return Member{.own = &own};
  }
  const Setting* setting = find_setting(concat(key_prefix, name));
  if (setting != nullptr && subject_keys.has(setting->key)) return Member{.setting = setting};
  std::string message = concat(label, setting != nullptr ? ": no member of a subject, but a key of "
                                                           "the whole container"
                                                         : ": unknown member");
  const std::vector<std::string_view> names = member_names();
  const std::string_view nearest =
      setting != nullptr ? std::string_view() : nearest_of(name, names);
  if (!nearest.empty()) {
    message += concat("; did you mean ", nearest, "?");
  } else {
    message += concat("; there are ", joined(names, " "));
  }
  return fail(Exit::annotation, std::move(message), {.key = name_of(Key::subject)});
}

Result<> read_exec(const ValueText& value, Subject& subject) {
  const auto words = split_words(value.text);
  if (words.size() == 1 && words.front() == everyone_else) return {};
  if (words.empty()) {
    return fail_value(value, value.text,
                      "expected the path of a program, such as /usr/sbin/sshd, or * for everyone "
                      "who is in no other subject");
  }
  if (words.size() > max_programs) {
    return fail_value(value, value.text,
                      concat("expected at most ", max_programs, " programs, not ", words.size()));
  }
  for (const std::string_view word : words) {
    std::string path = SL_TRY(parse_path(value, word));
    if (path == "/") return fail_value(value, word, "expected the path of a program");
    if (std::find(subject.exec.begin(), subject.exec.end(), path) == subject.exec.end()) {
      subject.exec.push_back(std::move(path));
    }
  }
  return {};
}

Result<> check_subject(std::string_view label, const Subject& subject) {
  const Policy& policy = subject.policy;
  const Keys given = given_keys(policy);
  const auto refuse = [label](std::string_view problem) {
    return fail(Exit::annotation, concat(label, ": ", problem), {.key = name_of(Key::subject)});
  };
  if ((given & policy_keys).empty() && subject.hours.empty()) {
    return refuse(
        "takes nothing away and sets no mark: expected a member such as bind=deny or mark=5");
  }
  if (policy.otherwise && !policy.egress) {
    return refuse("otherwise: expected egress beside it, which says what may leave");
  }
  if (policy.seal != Seal{} && (given & held_back_keys).empty()) {
    return refuse(
        "seal: expected one of create, connect, bind, listen, accept or shutdown beside it, "
        "because everything else holds from the start");
  }
  if (subject.zone != Subject{}.zone && subject.hours.empty()) {
    return refuse("zone: expected hours beside it");
  }
  if (is_everyone_else(subject) && subject.inherit != inherit_all) {
    return refuse("inherit: everyone else (*) is not a program, so it has no levels");
  }
  return {};
}

}  // namespace socklid::annotations
