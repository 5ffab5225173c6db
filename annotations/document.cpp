// SPDX-License-Identifier: Apache-2.0
#include "annotations/document.hpp"

#include "annotations/subject/members.hpp"
#include "annotations/subject/paths.hpp"
#include "base/json.hpp"

namespace socklid::annotations {
namespace {

using Json = Setting::Json;

/// What a value may be, and what errors call it.
struct DocumentValue {
  std::string label;  ///< "io.socklid.policy: bind", "io.socklid.policy: subjects: sshd: bind"
  OwnText key;        ///< that it stands for
  Json json{Json::string};
};

bool is_list(Json json) {
  return json == Json::array || json == Json::paths;
}

Failure fail_type(const DocumentValue& where, std::string_view found) {
  std::string expected = where.json == Json::object ? "an object" : "a string";
  if (is_list(where.json)) expected += " or an array of strings";
  if (where.json == Json::integer) expected += " or an integer";
  return fail(Exit::annotation, concat(where.label, ": expected ", expected, ", found ", found),
              {.key = where.key});
}

/// Whether a string of an array is one item, and nothing besides.
bool is_one_item(const std::string& text, Json json) {
  const auto items = json == Json::paths ? split_words(text) : split_list(text);
  return items.size() == 1 && items.front() == text;
}

/// The elements with a space between, which is the same list as a string.
Result<std::string> join(const DocumentValue& where, const json::Array& array) {
  std::string text;
  for (const json::Value& element : array) {
    if (!element.is_string()) {
      return fail_type(where, concat("an array with ", element.type_name()));
    }
    const std::string& item = element.string();
    if (!is_one_item(item, where.json)) {
      return fail(
          Exit::annotation,
          concat(where.label, ": ", quote(item), ": expected one item in each string of an array"),
          {.key = where.key});
    }
    if (!text.empty()) text += ' ';
    text += item;
  }
  return text;
}

Result<std::string> text_of(const DocumentValue& where, const json::Value& value) {
  if (where.json == Json::object) return fail_type(where, value.type_name());
  if (value.is_string()) return value.string();
  if (value.is_integer() && where.json == Json::integer) return std::to_string(value.integer());
  if (value.is_array() && is_list(where.json)) return join(where, value.array());
  return fail_type(where, value.type_name());
}

/// Reads a value by `read`, which gets it bare.
template <typename Read>
Result<> read_text(const DocumentValue& where, const json::Value& value, const Read& read) {
  const std::string text = SL_TRY(text_of(where, value));
  const ValueText given{.key = where.label, .text = text, .is_array = value.is_array()};
  SL_CHECK(about(where.key, check_printable(given)));
  const BareText bare = SL_TRY(about(where.key, BareText::of(given)));
  return about(where.key, read(bare.value()));
}

Result<Subject> read_subject(const DocumentValue& where, const std::string& name,
                             const json::Value& value) {
  if (!is_subject_name(name)) return fail_subject_name(where.label);
  if (!value.is_object()) return fail_type(where, value.type_name());
  Subject subject;
  subject.name = name;
  const json::Value* exec = value.find("exec");
  if (exec == nullptr) {
    return fail(Exit::annotation, concat(where.label, ": expected exec, the path of a program"),
                {.key = where.key});
  }
  for (const auto& [member_name, text] : value.object()) {
    const std::string label = concat(where.label, ": ", excerpt(member_name));
    if (member_name == "exec") {
      SL_CHECK(read_text({label, where.key, Json::paths}, text,
                         [&](const ValueText& bare) { return read_exec(bare, subject); }));
      continue;
    }
    const Member member = SL_TRY(find_member(label, member_name));
    SL_CHECK(read_text({label, where.key, member.json()}, text,
                       [&](const ValueText& bare) { return member.read(bare, subject); }));
  }
  SL_CHECK(check_subject(where.label, subject));
  return subject;
}

Result<> read_subjects(const Setting& setting, const std::string& label, const json::Value& value,
                       GivenSettings& given) {
  if (!value.is_object()) {
    return fail_type({label, setting.info.name, setting.json}, value.type_name());
  }
  for (const auto& [name, members] : value.object()) {
    const DocumentValue where{concat(label, ": ", excerpt(name)), setting.info.name, setting.json};
    Given one{&setting, where.label, {}, {}};
    one.meaning.subjects.push_back(SL_TRY(read_subject(where, name, members)));
    one.shown = quote(to_string(one.meaning.subjects.front()));
    given.emplace(concat(stem_of(setting.info), ".", name), std::move(one));
  }
  return {};
}

Result<> read_member(std::string_view document_key, const std::string& name,
                     const json::Value& value, GivenSettings& given) {
  const std::string label = concat(document_key, ": ", excerpt(name));
  const std::string key = concat(key_prefix, name);
  if (key == policy_key) {
    return fail(Exit::annotation, label, ": a policy can't hold another policy");
  }
  const Setting* setting = find_member_setting(name);
  if (setting == nullptr) {
    // Whoever writes the whole key meant the key.
    return fail_unknown(label, "unknown member",
                        std::string_view(name).starts_with(key_prefix) ? name : key,
                        Called::member);
  }
  if (setting->key == Key::subject) return read_subjects(*setting, label, value, given);
  const std::string text = SL_TRY(text_of({label, setting->info.name, setting->json}, value));
  given.emplace(
      std::string(setting->info.name.view()),
      SL_TRY(read_setting(*setting, {.key = label, .text = text, .is_array = value.is_array()})));
  return {};
}

}  // namespace

Result<Given> read_setting(const Setting& setting, const ValueText& value) {
  SL_CHECK(about(setting.info.name, check_printable(value)));
  Given given{&setting, std::string(value.key), quote(value.text), {}};
  const BareText bare = SL_TRY(about(setting.info.name, BareText::of(value)));
  SL_CHECK(about(setting.info.name, setting.read(bare.value(), given.meaning)));
  return given;
}

Result<GivenSettings> read_document(const ValueText& document) {
  auto parsed = json::parse(document.text);
  const std::string context = std::string(document.key) + ": " + quote(document.text);
  if (!parsed) {
    return fail(Exit::annotation, context + ": " + parsed.error().message, parsed.error().where);
  }
  if (!parsed->is_object()) {
    return fail(Exit::annotation, context, ": expected a JSON object, found ", parsed->type_name());
  }
  GivenSettings given;
  for (const auto& [name, value] : parsed->object()) {
    SL_CHECK(read_member(document.key, name, value, given));
  }
  return given;
}

Failure fail_unknown(std::string_view label, std::string_view what, std::string_view name,
                     Called called) {
  const auto shown = [called](const KeyInfo& info) {
    return called == Called::key ? info.name.view() : member_of(info);
  };
  std::string message = concat(label, ": ", what);
  if (const KeyInfo* nearest = nearest_key(name); nearest != nullptr) {
    message += concat("; did you mean ", shown(*nearest), "?");
    return fail(Exit::annotation, std::move(message), {.nearest = nearest->name});
  }
  message += "; there are";
  for (const KeyInfo& info : keys()) {
    if (called == Called::member && info.name == policy_key) continue;
    message += concat(" ", shown(info));
  }
  return fail(Exit::annotation, std::move(message));
}

Failure fail_subject_name(std::string_view label) {
  return fail(Exit::annotation,
              concat(label,
                     ": expected the name of a subject, a to z, 0 to 9 and -, at most 20 of "
                     "them"),
              {.key = name_of(Key::subject)});
}

}  // namespace socklid::annotations
