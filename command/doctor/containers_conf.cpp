// SPDX-License-Identifier: Apache-2.0
#include "command/doctor/containers_conf.hpp"

#include <algorithm>

#include "command/toml.hpp"

namespace socklid::command {
namespace {

constexpr std::string_view default_directory = "/usr/share/containers/oci/hooks.d";

/// {append = true}
bool says_append(const TomlValue& item) {
  const TomlValue* const append = item.find("append");
  return append != nullptr && append->boolean;
}

}  // namespace

std::optional<HooksDirSetting> parse_hooks_dir(std::string_view text) {
  const auto document = parse_toml(text);
  if (!document) return HooksDirSetting{};
  const TomlValue* const engine = document->find("engine");
  const TomlValue* const value = engine == nullptr ? nullptr : engine->find("hooks_dir");
  if (value == nullptr) return std::nullopt;
  return HooksDirSetting{value->strings(),
                         std::any_of(value->items.begin(), value->items.end(), says_append)};
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
