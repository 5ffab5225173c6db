// SPDX-License-Identifier: Apache-2.0
//
// Configurations and base specs of containerd. Fails if an edit crashes, if a second one changes
// what the first has made, if the settings are not in what was made, or if a line of the
// configuration that is not ours is gone.
#include <cstdint>
#include <cstdlib>
#include <set>

#include "base/text.hpp"
#include "command/containerd/spec.hpp"
#include "command/containerd/toml.hpp"
#include "command/toml.hpp"

namespace {

using namespace socklid::command;

void require(bool condition) {
  if (!condition) std::abort();
}

/// The lines of entries for one of our two keys.
void add_ours(const TomlValue& table, std::set<std::size_t>& ours) {
  for (const auto& [key, value] : table.members) {
    if (key == "base_runtime_spec" || key == "pod_annotations") {
      for (std::size_t line = value.begin; line < value.end; ++line) ours.insert(line);
    }
    add_ours(value, ours);
  }
}

/// Lines outside entries for one of our two keys.
std::multiset<std::string> lines_of_others(std::string_view config) {
  std::set<std::size_t> ours;
  if (const auto document = parse_toml(config)) add_ours(*document, ours);
  std::multiset<std::string> lines;
  std::size_t number = 0;
  for (const std::string_view line : socklid::split(config, '\n')) {
    if (!ours.contains(number++) && !line.empty()) lines.emplace(line);
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const RuntimeTable wanted{.runtime = "runc", .spec = "/etc/containerd/socklid-spec.json"};
  if (const auto edited = with_settings(text, wanted)) {
    require(spec_in_force(*edited, wanted.runtime) == wanted.spec);
    require(with_settings(*edited, wanted) == edited);
    const auto after = lines_of_others(*edited);
    for (const std::string& line : lines_of_others(text)) require(after.contains(line));
  }
  if (const auto hooked = with_hooks(text, "/hook"))
    require(with_hooks(*hooked, "/hook") == hooked);
  return 0;
}
