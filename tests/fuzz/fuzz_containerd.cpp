// SPDX-License-Identifier: Apache-2.0
//
// Configurations and base specs of containerd. Fails if an edit crashes, if a second one changes
// what the first has made, if the settings are not in what was made, or if a line of the
// configuration that is not ours is gone.
#include <cstdint>
#include <cstdlib>
#include <set>

#include "command/containerd_spec.hpp"
#include "command/containerd_toml.hpp"
#include "command/toml_lines.hpp"

namespace {

using namespace socklid::command;

void require(bool condition) {
  if (!condition) std::abort();
}

/// Lines outside entries for one of our two keys.
std::multiset<std::string> lines_of_others(std::string_view config) {
  const TomlLines toml = read_toml_lines(config);
  std::set<std::size_t> ours;
  for (const TomlEntry& entry : toml.entries) {
    if (entry.key != TomlPath{"base_runtime_spec"} && entry.key != TomlPath{"pod_annotations"}) {
      continue;
    }
    for (std::size_t line = entry.begin; line < entry.end; ++line) ours.insert(line);
  }
  std::multiset<std::string> lines;
  for (std::size_t line = 0; line < toml.lines.size(); ++line) {
    if (!ours.contains(line) && !toml.lines[line].empty()) lines.insert(toml.lines[line]);
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
