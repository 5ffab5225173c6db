// SPDX-License-Identifier: Apache-2.0
#include "annotations/subject.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "annotations/subject/members.hpp"
#include "annotations/subject/paths.hpp"
#include "base/text.hpp"

namespace socklid::annotations {
namespace {

std::string key_of(const Subject& subject) {
  return concat("io.socklid.subject.", subject.name);
}

/// A part of a value as a value of its own, which knows where it stands.
ValueText part_of(const ValueText& value, std::string_view label, std::string_view part) {
  return {.key = label,
          .text = part,
          .whole = value.whole.empty() ? value.text : value.whole,
          .skipped = value.skipped + static_cast<std::size_t>(part.data() - value.text.data()),
          .name = value.name};
}

/// MEMBER=VALUE; `seen` are the members before it.
Result<> read_word(const ValueText& value, std::string_view word, Subject& subject,
                   std::set<std::string, std::less<>>& seen) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) {
    return fail_value(value, word,
                      word.starts_with('/') ? "expected the paths before the members"
                                            : "expected MEMBER=VALUE, such as bind=deny");
  }
  const std::string_view name = word.substr(0, equals);
  const std::string label = concat(value.key, ": ", excerpt(name));
  const Member member = SL_TRY(find_member(label, name));
  if (!seen.insert(std::string(name)).second) {
    return fail_value(value, word, "expected each member once");
  }
  ValueText part = part_of(value, label, word.substr(equals + 1));
  std::string items(part.text);
  if (member.has_items()) std::replace(items.begin(), items.end(), '+', ' ');
  part.text = items;
  return member.read(part, subject);
}

/// As a word of a subject's value.
std::string word_of(std::string_view name, std::string value, bool has_items) {
  if (has_items) std::replace(value.begin(), value.end(), ' ', '+');
  return concat(" ", name, "=", value);
}

}  // namespace

bool operator==(const Subject& one, const Subject& other) = default;

bool is_subject_name(std::string_view name) {
  const auto may_stand = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= 20 && std::all_of(name.begin(), name.end(), may_stand);
}

Result<Subject> parse_subject(const ValueText& value) {
  Subject subject;
  subject.name = value.name;
  const auto words = split_words(value.text);
  const auto members = std::find_if(words.begin(), words.end(), [](std::string_view word) {
    return !word.starts_with('/') && word != "*";
  });
  const std::string_view exec =
      members == words.begin()
          ? value.text.substr(0, 0)
          : value.text.substr(0,
                              static_cast<std::size_t>((members - 1)->end() - value.text.begin()));
  SL_CHECK(read_exec(part_of(value, value.key, exec), subject));
  std::set<std::string, std::less<>> seen;
  for (auto word = members; word != words.end(); ++word) {
    SL_CHECK(read_word(value, *word, subject, seen));
  }
  SL_CHECK(check_subject(value.key, subject));
  return subject;
}

std::string to_string(const Subject& subject) {
  std::string text = is_everyone_else(subject) ? "*" : joined(subject.exec, " ");
  for (const Setting& setting : settings()) {
    if (!subject_keys.has(setting.key) || !setting.given(subject.policy)) continue;
    text += word_of(Member{.setting = &setting}.name(), setting.print(subject.policy), true);
  }
  for (const OwnMember& own : own_members()) {
    if (own.given(subject)) text += word_of(own.name, own.print(subject), own.is_list);
  }
  return text;
}

Result<> check_subjects(const std::vector<Subject>& subjects) {
  constexpr std::string_view everyone = "*";
  std::map<std::string_view, const Subject*> owners;
  for (const Subject& subject : subjects) {
    std::vector<std::string_view> exec(subject.exec.begin(), subject.exec.end());
    if (exec.empty()) exec.push_back(everyone);
    for (const std::string_view path : exec) {
      const auto [owner, is_first] = owners.try_emplace(path, &subject);
      if (is_first) continue;
      return fail(Exit::annotation,
                  concat(key_of(*owner->second), " and ", key_of(subject), " both name ",
                         excerpt(path), ", which can be in one of them only"),
                  {.key = name_of(Key::subject)});
    }
  }
  if (owners.size() > max_programs) {
    return fail(Exit::annotation,
                concat(name_of(Key::subject).view(), ": ", owners.size(),
                       " programs in all subjects together, the limit is ", max_programs),
                {.key = name_of(Key::subject)});
  }
  const std::size_t programs = subjects.size() - owners.count(everyone);
  if (programs < max_subjects) return {};
  return fail(Exit::annotation,
              concat(name_of(Key::subject).view(), ": ", programs, " subjects, the limit is ",
                     max_subjects - 1, ", and one more that is everyone else (*)"),
              {.key = name_of(Key::subject)});
}

Policy policy_within(const Policy& container, const Subject& subject) {
  Policy policy = subject.policy;
  policy.options = container.options;
  policy.deputies = container.deputies;
  policy.bpf = container.bpf;
  policy.answers = container.answers;
  return policy;
}

}  // namespace socklid::annotations
