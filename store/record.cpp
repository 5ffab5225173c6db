// SPDX-License-Identifier: Apache-2.0
#include "store/record.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json.hpp"
#include "base/text.hpp"
#include "store/looked_up.hpp"

namespace socklid {
namespace {

constexpr std::size_t encoded_limit = 200;  // leaves room for "staging_", the cgroup id and ".json"

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

/// FNV-1a. Two long ids that only differ past the cut must get two names; nobody gains by making
/// two of his own containers collide, as the cgroup id is part of the key too.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

Failure bad(std::string_view member) {
  return fail(Exit::store, "record: ", member, " is missing or of the wrong type");
}

Result<std::string> text_at(const json::Value& record, std::string_view member) {
  const json::Value* value = record.find(member);
  if (value == nullptr || !value->is_string()) return bad(member);
  return value->string();
}

Result<std::int64_t> number_at(const json::Value& record, std::string_view member) {
  const json::Value* value = record.find(member);
  if (value == nullptr || !value->is_integer()) return bad(member);
  return value->integer();
}

Result<std::vector<std::string>> list_at(const json::Value& record, std::string_view member) {
  const json::Value* value = record.find(member);
  if (value == nullptr || !value->is_array()) return bad(member);
  std::vector<std::string> list;
  for (const json::Value& item : value->array()) {
    if (!item.is_string()) return bad(member);
    list.push_back(item.string());
  }
  return list;
}

Result<std::optional<annotations::Mark>> mark_at(const json::Value& record) {
  const json::Value* value = record.find("mark");
  if (value == nullptr || value->is_null()) return std::optional<annotations::Mark>{};
  return std::optional<annotations::Mark>{
      annotations::Mark{.value = static_cast<std::uint32_t>(SL_TRY(number_at(*value, "value"))),
                        .mask = static_cast<std::uint32_t>(SL_TRY(number_at(*value, "mask")))}};
}

/// Records of versions that knew no other placement have none.
Result<Placement> placement_at(const json::Value& record) {
  if (record.find("network") == nullptr) return Placement{};
  const std::string network = SL_TRY(text_at(record, "network"));
  const std::int64_t slot = SL_TRY(number_at(record, "slot"));
  if (slot < 0 || slot > slot_max) return bad("slot");
  for (const NetnsKind kind : {NetnsKind::own, NetnsKind::shared, NetnsKind::host}) {
    if (network == name_of(kind)) return Placement{kind, static_cast<std::uint8_t>(slot)};
  }
  return bad("network");
}

Result<annotations::Annotations> annotations_at(const json::Value& details) {
  const json::Value* value = details.find("annotations");
  if (value == nullptr || !value->is_object()) return bad("annotations");
  annotations::Annotations result;
  for (const auto& [key, text] : value->object()) {
    if (!text.is_string()) return bad("annotations");
    result.emplace(key, text.string());
  }
  return result;
}

/// 0.1.0 wrote none.
Result<std::optional<View>> view_at(const json::Value& record) {
  const json::Value* value = record.find("view");
  if (value == nullptr || value->is_null()) return std::optional<View>{};
  return std::optional<View>{SL_TRY(parse_view(*value))};
}

/// 0.1.0 had it among the annotations.
Result<std::string> container_at(const json::Value& details, annotations::Annotations& given) {
  std::string name;
  for (const char* key : {"io.kubernetes.cri.container-name", "io.kubernetes.container.name"}) {
    const auto found = given.find(key);
    if (found == given.end()) continue;
    if (!found->second.empty()) name = found->second;
    given.erase(found);
  }
  return details.find("container") == nullptr ? std::move(name) : text_at(details, "container");
}

json::Array to_array(const std::vector<std::string>& list) {
  return {list.begin(), list.end()};
}

Result<json::Value> parse_document(std::string_view text) {
  auto parsed = json::parse(text);
  if (!parsed) return fail(Exit::store, "record: ", parsed.error().message);
  return parsed;
}

}  // namespace

json::Value to_value(const View& view) {
  return json::Object{{"bpffs", view.bpffs},
                      {"cgroup_namespace", view.cgroup_namespace},
                      {"pid_namespace", view.pid_namespace}};
}

Result<View> parse_view(const json::Value& value) {
  const auto number = [&](std::string_view member) -> Result<std::uint64_t> {
    return static_cast<std::uint64_t>(SL_TRY(number_at(value, member)));
  };
  return View{.bpffs = SL_TRY(number("bpffs")),
              .cgroup_namespace = SL_TRY(number("cgroup_namespace")),
              .pid_namespace = SL_TRY(number("pid_namespace"))};
}

std::string to_json(const Record& record) {
  json::Object document;
  document["id"] = record.id;
  document["cgroup_id"] = record.cgroup_id;
  document["netns"] = record.netns;
  document["network"] = std::string(name_of(record.placement.netns));
  document["slot"] = record.placement.slot;
  document["object_hash"] = record.object_hash;
  if (record.mark) {
    document["mark"] = json::Object{{"value", record.mark->value}, {"mask", record.mark->mask}};
  }
  document["rules"] = record.rules;
  document["created"] = record.created;
  document["pid"] = record.pid;
  document["start_time"] = record.start_time;
  if (record.view) document["view"] = to_value(*record.view);
  return json::to_string(json::Value(std::move(document))) + "\n";
}

std::string to_json(const Details& details) {
  json::Object annotations;
  for (const auto& [key, value] : details.annotations) annotations.emplace(key, value);
  json::Object document;
  document["cgroup_path"] = details.cgroup_path;
  document["annotations"] = std::move(annotations);
  if (!details.container.empty()) document["container"] = details.container;
  document["hooks"] = to_array(details.hooks);
  document["notes"] = to_array(details.notes);
  if (details.looked_up != LookedUp{}) document["looked_up"] = to_value(details.looked_up);
  return json::to_pretty_string(json::Value(std::move(document))) + "\n";
}

Result<Record> parse_record(std::string_view text) {
  const json::Value value = SL_TRY(parse_document(text));
  const json::Value* rules = value.find("rules");
  if (rules == nullptr || !rules->is_bool()) return bad("rules");
  Record record;
  record.id = SL_TRY(text_at(value, "id"));
  record.cgroup_id = static_cast<std::uint64_t>(SL_TRY(number_at(value, "cgroup_id")));
  record.netns = static_cast<std::uint64_t>(SL_TRY(number_at(value, "netns")));
  record.placement = SL_TRY(placement_at(value));
  record.object_hash = SL_TRY(text_at(value, "object_hash"));
  record.mark = SL_TRY(mark_at(value));
  record.rules = rules->boolean();
  record.created = SL_TRY(number_at(value, "created"));
  record.pid = SL_TRY(number_at(value, "pid"));
  record.start_time = static_cast<std::uint64_t>(value.find_integer("start_time").value_or(0));
  record.view = SL_TRY(view_at(value));
  return record;
}

Result<Details> parse_details(std::string_view text) {
  const json::Value value = SL_TRY(parse_document(text));
  annotations::Annotations annotations = SL_TRY(annotations_at(value));
  std::string container = SL_TRY(container_at(value, annotations));
  // One after the other: g++ 12 forgets what is made already when an initializer in braces returns.
  Details details;
  details.cgroup_path = SL_TRY(text_at(value, "cgroup_path"));
  details.annotations = std::move(annotations);
  details.container = std::move(container);
  details.hooks = SL_TRY(list_at(value, "hooks"));
  details.notes = SL_TRY(list_at(value, "notes"));
  const json::Value* const looked_up = value.find("looked_up");
  if (looked_up != nullptr) details.looked_up = SL_TRY(parse_looked_up(*looked_up));
  return details;
}

std::string encode_id(std::string_view id) {
  std::string encoded;
  for (const char c : id) {
    if (is_plain(c)) {
      encoded += c;
      continue;
    }
    constexpr std::string_view hex_digits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    encoded += '_';
    encoded += hex_digits[byte >> 4U];
    encoded += hex_digits[byte & 0xfU];
  }
  if (encoded.size() <= encoded_limit) return encoded;
  constexpr std::size_t hash_width = 16;
  // "__" cannot come from encoding, so that a cut name equals no name that was not cut.
  return encoded.substr(0, encoded_limit - hash_width - 2) + "__" + hexadecimal(hash_of(id));
}

std::string key_of(std::string_view id, std::uint64_t cgroup_id) {
  return encode_id(id) + "_" + hexadecimal(cgroup_id);
}

std::optional<StoreKey> parse_key(std::string_view name) {
  const std::size_t last = name.rfind('_');
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  const std::string_view hex_digits = name.substr(last + 1);
  const auto cgroup_id = parse_number<std::uint64_t>(hex_digits, 16);
  StoreKey key{.encoded_id = std::string(name.substr(0, last)), .cgroup_id = cgroup_id.value_or(0)};
  const bool plain = std::all_of(key.encoded_id.begin(), key.encoded_id.end(),
                                 [](char c) { return is_plain(c) || c == '_'; });
  if (!cgroup_id || !plain) return std::nullopt;
  return key;
}

}  // namespace socklid
