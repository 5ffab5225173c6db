// SPDX-License-Identifier: Apache-2.0
//
// Settings: the table that ties each key to its grammar and to its place in Policy, a row each. The
// parser, to_string(), JSON, `socklid explain --keys` and the tests of the documents read it.
// Internal to annotations/: parser.hpp and policy.hpp are what others include.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "annotations/parser.hpp"
#include "annotations/policy.hpp"
#include "annotations/value_text.hpp"

namespace socklid::annotations {

struct Setting {  // NOLINT(clang-analyzer-optin.performance.Padding): as rows are read
  Key key{};
  KeyInfo info;
  /// The kind of value that a JSON document may have besides a string; object: for several keys.
  enum class Json : std::uint8_t { string, array, paths, integer, object } json{Json::string};
  /// Reads a value into its place in `policy`. Errors: Exit::annotation, Exit::unsupported.
  Result<> (*read)(const ValueText& value, Policy& policy);
  /// Copies this setting, and nothing else, from one policy to another.
  void (*copy)(const Policy& from, Policy& to);
  /// Whether it is another one than the default policy's.
  bool (*given)(const Policy& policy);
  /// As its key would have it, in the shortest form. Only of one that is given. Of subjects a line
  /// each, in their order.
  std::string (*print)(const Policy& policy);
};

/// In the order of the reference; io.socklid.policy itself is not among them.
[[nodiscard]] std::span<const Setting> settings();

[[nodiscard]] const Setting& setting_of(Key key);

/// The setting with the key `name` ("io.socklid.bind"); null if there is none.
[[nodiscard]] const Setting* find_setting(std::string_view name);

/// A key of which whoever writes it names the end: io.socklid.subject.NAME.
inline constexpr std::string_view name_placeholder = ".NAME";
[[nodiscard]] constexpr bool is_named(const KeyInfo& info) {
  return info.name.view().ends_with(name_placeholder);
}
/// "io.socklid.subject", which such keys begin with; of others the key.
[[nodiscard]] constexpr std::string_view stem_of(const KeyInfo& info) {
  const std::string_view name = info.name.view();
  return is_named(info) ? name.substr(0, name.size() - name_placeholder.size()) : name;
}
/// Its name in a document: "bind", "subjects".
[[nodiscard]] constexpr std::string_view member_of(const KeyInfo& info) {
  return info.member.empty() ? info.name.view().substr(key_prefix.size()) : info.member.view();
}

/// The setting that a document calls so; null if there is none.
[[nodiscard]] const Setting* find_member_setting(std::string_view member);

/// The known key, io.socklid.policy included, that `name` was most likely meant to be; null if none
/// is near.
[[nodiscard]] const KeyInfo* nearest_key(std::string_view name);

}  // namespace socklid::annotations
