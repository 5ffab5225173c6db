// SPDX-License-Identifier: Apache-2.0
#include "command/containerd_toml.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "command/output.hpp"
#include "command/toml_lines.hpp"

namespace socklid::command {
namespace {

constexpr std::string_view spec_key = "base_runtime_spec";
constexpr std::string_view annotations_key = "pod_annotations";

Failure bad(const std::string& what) {
  return fail(Exit::usage,
              what +
                  "; `containerd config dump` writes the same configuration in a form that is "
                  "understood here");
}

bool is_prefix(const TomlPath& prefix, const TomlPath& path) {
  return prefix.size() <= path.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

TomlPath path_of(const TomlEntry& entry) {
  TomlPath path = entry.table;
  path.insert(path.end(), entry.key.begin(), entry.key.end());
  return path;
}

/// The CRI plugin as this version of the file calls it.
Result<std::string> plugin_of(const TomlLines& toml) {
  for (const TomlEntry& entry : toml.entries) {
    if (!entry.table.empty() || entry.key != TomlPath{"version"}) continue;
    if (entry.value == "2") return std::string("io.containerd.grpc.v1.cri");
    if (entry.value == "3") return std::string("io.containerd.cri.v1.runtime");
    return bad("version = " + printable(entry.value) + " is not known");
  }
  return bad("it has no `version = 2`, so containerd takes it for version 1");
}

/// Whether the file reaches into `table` from a table above: `runc = {...}`, `runc.options = ...`.
bool is_written_otherwise(const TomlLines& toml, const TomlPath& table) {
  return std::any_of(toml.entries.begin(), toml.entries.end(), [&](const TomlEntry& entry) {
    if (entry.table == table || !is_prefix(entry.table, table)) return false;
    const TomlPath whole = path_of(entry);
    return is_prefix(whole, table) || is_prefix(table, whole);
  });
}

const std::vector<std::string>& our_patterns() {
  static const std::vector<std::string> patterns = {"io.socklid.*", "io.socklid.*/*"};
  return patterns;
}

/// Strings over several lines, and what does not end, are beyond the reader.
Result<TomlLines> read_whole(std::string_view config) {
  if (config.find("\"\"\"") != std::string_view::npos ||
      config.find("'''") != std::string_view::npos) {
    return bad("it has strings over several lines");
  }
  TomlLines toml = read_toml_lines(config);
  if (toml.ends_open) return bad("it has an array or an inline table that does not end");
  return toml;
}

/// A file with the place in it that is ours to edit.
struct Place {
  TomlLines toml;
  TomlPath table;
  std::optional<std::size_t> header;  ///< its line

  [[nodiscard]] const TomlEntry* find(std::string_view key) const {
    for (const TomlEntry& entry : toml.entries) {
      if (entry.table == table && entry.key == TomlPath{std::string(key)}) return &entry;
    }
    return nullptr;
  }
};

Result<Place> find_place(std::string_view config, const std::string& runtime) {
  Place place{.toml = SL_TRY(read_whole(config)), .table = {}, .header = std::nullopt};
  place.table = {"plugins", SL_TRY(plugin_of(place.toml)), "containerd", "runtimes", runtime};
  for (const TomlHeader& header : place.toml.headers) {
    if (header.table == place.table) place.header = header.line;
  }
  if (is_written_otherwise(place.toml, place.table)) {
    return bad("the runtime " + runtime + " is not in a table of its own");
  }
  if (!place.header && runtime != "runc") {
    return fail(Exit::usage, "it has no runtime " + runtime + ": add the table [plugins.\"" +
                                 place.table[1] + "\".containerd.runtimes." + runtime +
                                 "] with its runtime_type first");
  }
  return place;
}

std::string indent_of(std::string_view line) {
  return std::string(line.substr(0, line.find_first_not_of(" \t")));
}

/// Adds `line` to the table, or puts it in the place of the entry for `key`.
void put(Place& place, std::string_view key, const std::string& line) {
  std::vector<std::string>& lines = place.toml.lines;
  const auto at = [&](std::size_t index) {
    return lines.begin() + static_cast<std::ptrdiff_t>(index);
  };
  const TomlEntry* const entry = place.find(key);
  const std::size_t index = entry != nullptr ? entry->begin : *place.header + 1;
  std::string indented = indent_of(lines[entry != nullptr ? index : *place.header]);
  if (entry == nullptr) indented += "  ";
  indented += line;
  if (entry != nullptr) lines.erase(at(entry->begin), at(entry->end));
  lines.insert(at(index), indented);
}

std::string whole(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text.append(line).append("\n");
  if (text.ends_with("\n\n")) text.pop_back();  // what is behind the last newline is no line
  return text;
}

/// containerd needs no file; one that says nothing is of no version.
std::string or_new(std::string_view config) {
  std::string text(config);
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  const TomlLines toml = read_toml_lines(text);
  if (toml.entries.empty() && toml.headers.empty()) text += "version = 2\n";
  return text;
}

Result<std::string> with_setting(std::string_view config, const std::string& runtime,
                                 std::string_view key, const std::string& value) {
  Place place = SL_TRY(find_place(config, runtime));
  put(place, key, std::string(key) + " = " + value);
  return whole(place.toml.lines);
}

/// What containerd has built in for runc is lost where the file has the table: the type is needed.
std::string with_table(const std::string& config, const TomlPath& table) {
  return config + "\n[plugins.\"" + table[1] + "\".containerd.runtimes." + table[4] +
         "]\n  runtime_type = \"io.containerd.runc.v2\"\n";
}

}  // namespace

Result<std::vector<RuntimeSettings>> runtimes_in(std::string_view config) {
  const TomlLines toml = SL_TRY(read_whole(or_new(config)));
  const TomlPath above = {"plugins", SL_TRY(plugin_of(toml)), "containerd", "runtimes"};
  std::map<std::string, RuntimeSettings> found;
  for (const TomlHeader& header : toml.headers) {
    if (header.table.size() != above.size() + 1 || !is_prefix(above, header.table)) continue;
    if (is_written_otherwise(toml, header.table)) {
      return bad("the runtime " + printable(header.table.back()) + " is not in a table of its own");
    }
    found[header.table.back()].runtime = header.table.back();
  }
  for (const TomlEntry& entry : toml.entries) {
    const TomlPath whole = path_of(entry);
    const bool holds_runtimes = is_prefix(whole, above) || is_prefix(above, whole);
    if (holds_runtimes && entry.table.size() <= above.size()) {
      return bad("runtimes are not in tables of their own");
    }
    if (entry.table.size() != above.size() + 1 || !is_prefix(above, entry.table)) continue;
    RuntimeSettings& runtime = found[entry.table.back()];
    if (entry.key == TomlPath{std::string(annotations_key)}) {
      runtime.patterns = strings_in(entry.value);
    }
    if (entry.key != TomlPath{std::string(spec_key)}) continue;
    const auto strings = strings_in(entry.value);
    runtime.spec = strings.empty() ? std::string() : strings.front();
  }
  std::vector<RuntimeSettings> runtimes;
  for (auto& [name, runtime] : found) runtimes.push_back(std::move(runtime));
  return runtimes;
}

namespace {

/// Whether the file says anything of the CRI plugin, under whatever name.
bool speaks_of_plugin(std::string_view config) {
  const TomlLines toml = read_toml_lines(config);
  const auto is_plugin = [](const TomlPath& path) {
    return path.size() > 1 && path[0] == "plugins" &&
           (path[1] == "io.containerd.grpc.v1.cri" || path[1] == "io.containerd.cri.v1.runtime");
  };
  return std::any_of(toml.headers.begin(), toml.headers.end(),
                     [&](const TomlHeader& header) { return is_plugin(header.table); });
}

}  // namespace

Result<std::vector<RuntimeSettings>> runtimes_in_all(const std::vector<std::string>& files) {
  std::map<std::string, RuntimeSettings> all = {
      {"runc", {.runtime = "runc", .spec = {}, .patterns = {}}}};
  for (const std::string& file : files) {
    const std::vector<RuntimeSettings> here = SL_TRY(runtimes_in(file));
    if (!speaks_of_plugin(file)) continue;
    // What is not said again may be lost.
    for (auto& [name, runtime] : all) runtime = {.runtime = name, .spec = {}, .patterns = {}};
    for (const RuntimeSettings& runtime : here) all[runtime.runtime] = runtime;
  }
  std::vector<RuntimeSettings> runtimes;
  for (auto& [name, runtime] : all) runtimes.push_back(std::move(runtime));
  return runtimes;
}

bool passes_annotations(const RuntimeSettings& runtime) {
  const auto& given = runtime.patterns;
  return std::all_of(our_patterns().begin(), our_patterns().end(), [&](const std::string& one) {
    return std::find(given.begin(), given.end(), one) != given.end();
  });
}

std::vector<std::string> imports_of(std::string_view config) {
  for (const TomlEntry& entry : read_toml_lines(config).entries) {
    if (entry.table.empty() && entry.key == TomlPath{"imports"}) return strings_in(entry.value);
  }
  return {};
}

Result<std::string> spec_in_force(std::string_view config, const std::string& runtime) {
  const Place place = SL_TRY(find_place(or_new(config), runtime));
  const TomlEntry* const entry = place.find(spec_key);
  if (entry == nullptr) return std::string();
  const auto strings = strings_in(entry->value);
  return strings.empty() ? std::string() : strings.front();
}

Result<std::string> with_settings(std::string_view config, const RuntimeTable& wanted) {
  std::string text = or_new(config);
  const Place place = SL_TRY(find_place(text, wanted.runtime));
  if (!place.header) text = with_table(text, place.table);

  const TomlEntry* const given = place.find(annotations_key);
  std::vector<std::string> patterns =
      given == nullptr ? std::vector<std::string>{} : strings_in(given->value);
  const std::size_t before = patterns.size();
  for (const std::string& pattern : our_patterns()) {
    if (std::find(patterns.begin(), patterns.end(), pattern) == patterns.end()) {
      patterns.emplace_back(pattern);
    }
  }
  if (patterns.size() != before) {
    text = SL_TRY(with_setting(text, wanted.runtime, annotations_key,
                               "[\"" + joined(patterns, "\", \"") + "\"]"));
  }
  if (SL_TRY(spec_in_force(text, wanted.runtime)) != wanted.spec) {
    text = SL_TRY(with_setting(text, wanted.runtime, spec_key, "\"" + wanted.spec + "\""));
  }
  return text;
}

}  // namespace socklid::command
