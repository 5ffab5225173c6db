// SPDX-License-Identifier: Apache-2.0
#include "command/containers_conf.hpp"

#include "base/text.hpp"
#include "command/toml_lines.hpp"

namespace socklid::command {
namespace {

constexpr std::string_view default_directory = "/usr/share/containers/oci/hooks.d";

/// The value of `hooks_dir` if that is what the line sets.
std::optional<std::string_view> value_of(std::string_view line) {
  constexpr std::string_view key = "hooks_dir";
  if (!line.starts_with(key)) return std::nullopt;
  const std::string_view rest = trimmed(line.substr(key.size()));
  if (!rest.starts_with('=')) return std::nullopt;
  return trimmed(rest.substr(1));
}

bool says_append(std::string_view array) {
  std::string dense;
  for (const char c : array) {
    if (c != ' ' && c != '\t') dense += c;
  }
  return dense.find("{append=true}") != std::string::npos;
}

}  // namespace

std::optional<HooksDirSetting> parse_hooks_dir(std::string_view text) {
  bool in_engine = false;
  bool in_array = false;
  bool found = false;
  std::string array;
  for (const std::string_view raw : split(text, '\n')) {
    const std::string_view line = trimmed(without_comment(raw));
    if (in_array) {
      array.append(" ").append(line);
    } else if (line.starts_with('[')) {
      in_engine = line == "[engine]";
    } else if (const auto value = value_of(line); in_engine && value) {
      found = true;
      array = *value;
      in_array = value->starts_with('[');
    }
    if (in_array && line.ends_with(']')) in_array = false;
  }
  if (!found) return std::nullopt;
  return HooksDirSetting{strings_in(array), says_append(array)};
}

std::vector<std::string> hooks_directories(const std::vector<std::string>& files) {
  std::vector<std::string> directories = {std::string(default_directory)};
  for (const std::string& text : files) {
    const auto setting = parse_hooks_dir(text);
    if (!setting) continue;
    if (!setting->append) directories.clear();
    directories.insert(directories.end(), setting->directories.begin(), setting->directories.end());
  }
  return directories;
}

}  // namespace socklid::command
