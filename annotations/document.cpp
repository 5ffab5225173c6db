// SPDX-License-Identifier: Apache-2.0
#include "annotations/document.hpp"

#include "base/json.hpp"

namespace socklid::annotations {
namespace {

Failure fail_type(const std::string& label, const Setting& setting, std::string_view found) {
  std::string expected = "a string";
  if (setting.json == Setting::Json::array) expected += " or an array of strings";
  if (setting.json == Setting::Json::integer) expected += " or an integer";
  return fail(Exit::annotation, label + ": expected " + expected + ", found " + std::string(found),
              {.key = setting.info.name});
}

/// The elements with a space between, which is the same list as a string.
Result<std::string> join(const std::string& label, const Setting& setting,
                         const json::Array& array) {
  std::string text;
  for (const json::Value& element : array) {
    if (!element.is_string()) {
      return fail_type(label, setting, "an array with " + std::string(element.type_name()));
    }
    const std::string& item = element.string();
    if (const auto items = split_list(item); items.size() != 1 || items.front() != item) {
      return fail(Exit::annotation,
                  label + ": " + quoted(item) + ": expected one item in each string of an array",
                  {.key = setting.info.name});
    }
    if (!text.empty()) text += ' ';
    text += item;
  }
  return text;
}

Result<std::string> member_text(const std::string& label, const Setting& setting,
                                const json::Value& value) {
  if (value.is_string()) return value.string();
  if (value.is_integer() && setting.json == Setting::Json::integer) {
    return std::to_string(value.integer());
  }
  if (value.is_array() && setting.json == Setting::Json::array) {
    return join(label, setting, value.array());
  }
  return fail_type(label, setting, value.type_name());
}

Result<Given> read_member(std::string_view document_key, const std::string& name,
                          const json::Value& value) {
  const std::string label = std::string(document_key) + ": " + excerpt(name);
  const std::string key = std::string(key_prefix) + name;
  if (key == policy_key) {
    return fail(Exit::annotation, label, ": a policy can't hold another policy");
  }
  const Setting* setting = find_setting(key);
  if (setting == nullptr) {
    // Whoever writes the whole key meant the key.
    return fail_unknown(label, "unknown member", name.starts_with(key_prefix) ? name : key,
                        key_prefix);
  }
  const std::string text = SL_TRY(member_text(label, *setting, value));
  return read_setting(*setting, {.key = label, .text = text, .is_array = value.is_array()});
}

}  // namespace

Result<Given> read_setting(const Setting& setting, const ValueText& value) {
  SL_CHECK(about(setting.info.name, check_printable(value)));
  Given given{&setting, std::string(value.key), quoted(value.text), {}};
  const BareText bare = SL_TRY(about(setting.info.name, BareText::of(value)));
  SL_CHECK(about(setting.info.name, setting.read(bare.value(), given.meaning)));
  return given;
}

Result<GivenSettings> read_document(const ValueText& document) {
  auto parsed = json::parse(document.text);
  const std::string context = std::string(document.key) + ": " + quoted(document.text);
  if (!parsed) {
    return fail(Exit::annotation, context + ": " + parsed.error().message, parsed.error().where);
  }
  if (!parsed->is_object()) {
    return fail(Exit::annotation, context, ": expected a JSON object, found ", parsed->type_name());
  }
  GivenSettings given;
  for (const auto& [name, value] : parsed->object()) {
    Given member = SL_TRY(read_member(document.key, name, value));
    given.emplace(member.setting->info.name, std::move(member));
  }
  return given;
}

Failure fail_unknown(std::string_view label, std::string_view what, std::string_view name,
                     std::string_view prefix) {
  std::string message = std::string(label) + ": " + std::string(what);
  if (const OwnText nearest = nearest_key(name); !nearest.empty()) {
    message += "; did you mean " + std::string(nearest.view().substr(prefix.size())) + "?";
    return fail(Exit::annotation, std::move(message), {.nearest = nearest});
  }
  message += "; there are";
  for (const KeyInfo& info : keys()) {
    if (!prefix.empty() && info.name == policy_key) continue;
    message += ' ';
    message += info.name.view().substr(prefix.size());
  }
  return fail(Exit::annotation, std::move(message));
}

}  // namespace socklid::annotations
