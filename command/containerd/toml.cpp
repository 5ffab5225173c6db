// SPDX-License-Identifier: Apache-2.0
#include "command/containerd/toml.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "command/output.hpp"
#include "command/toml.hpp"

namespace socklid::command {
namespace {

constexpr std::string_view spec_key = "base_runtime_spec";
constexpr std::string_view annotations_key = "pod_annotations";

Failure bad_configuration(std::string_view what) {
  return fail(Exit::usage, what,
              "; `containerd config dump` writes the same configuration in a form that is "
              "understood here");
}

/// A file as it is read, and the lines that are edited.
struct Config {
  TomlValue document;
  std::vector<std::string> lines;
};

/// Strings over several lines are left to `containerd config dump`: one may hold lines that look
/// like ours.
Result<Config> read_config(std::string_view text) {
  for (const std::string_view quotes : {"\"\"\"", "'''"}) {
    if (text.find(quotes) != std::string_view::npos) {
      return bad_configuration("it has strings over several lines");
    }
  }
  auto document = parse_toml(text);
  if (!document) return bad_configuration(document.error().message);
  Config config{.document = std::move(*document), .lines = {}};
  for (const std::string_view line : split(text, '\n')) config.lines.emplace_back(line);
  return config;
}

/// The CRI plugin as this version of the file calls it.
Result<std::string> plugin_of(const TomlValue& document) {
  const TomlValue* const version = document.find("version");
  if (version == nullptr) {
    return bad_configuration("it has no `version = 2`, so containerd takes it for version 1");
  }
  if (version->kind != TomlValue::Kind::integer)
    return bad_configuration("its version is no number");
  if (version->integer == 2) return std::string("io.containerd.grpc.v1.cri");
  if (version->integer == 3) return std::string("io.containerd.cri.v1.runtime");
  return bad_configuration(concat("version = ", version->integer, " is not known"));
}

/// The plugin's table of runtimes; null if the file does not say anything of them.
Result<const TomlValue*> runtimes_of(const TomlValue& document, const std::string& plugin) {
  const TomlValue* table = &document;
  for (const std::string_view name :
       std::array<std::string_view, 4>{"plugins", plugin, "containerd", "runtimes"}) {
    table = table->find(name);
    if (table == nullptr) return nullptr;
    if (!table->is_table() || table->is_inline)
      return bad_configuration("runtimes are not in tables of their own");
  }
  return table;
}

/// Two definitions of one table would keep containerd from starting.
Result<> check_own_table(const std::string& runtime, const TomlValue& value) {
  if (value.is_table() && value.made != TomlValue::Made::key) return {};
  return bad_configuration(
      concat("the runtime ", printable(runtime), " is not in a table of its own"));
}

const std::vector<std::string>& our_patterns() {
  static const std::vector<std::string> patterns = {"io.socklid.*", "io.socklid.*/*"};
  return patterns;
}

/// A file with the place in it that is ours to edit.
struct TomlLocation {
  Config config;
  std::string plugin;
  std::string runtime;
  const TomlValue* table{nullptr};  ///< in `config`; null: the runtime has no header

  [[nodiscard]] const TomlValue* find(std::string_view key) const {
    return table == nullptr ? nullptr : table->find(key);
  }
  /// As a header names it.
  [[nodiscard]] std::string header() const {
    return "[plugins.\"" + plugin + "\".containerd.runtimes." + runtime + "]";
  }
};

Result<TomlLocation> find_location(std::string_view text, const std::string& runtime) {
  TomlLocation location{.config = SL_TRY(read_config(text)), .plugin = {}, .runtime = runtime};
  location.plugin = SL_TRY(plugin_of(location.config.document));
  const TomlValue* const runtimes = SL_TRY(runtimes_of(location.config.document, location.plugin));
  const TomlValue* const table = runtimes == nullptr ? nullptr : runtimes->find(runtime);
  if (table != nullptr) {
    SL_CHECK(check_own_table(runtime, *table));
    if (table->made == TomlValue::Made::header) location.table = table;
  }
  if (location.table == nullptr && runtime != "runc") {
    return fail(Exit::usage, "it has no runtime ", runtime, ": add the table ", location.header(),
                " with its runtime_type first");
  }
  return location;
}

std::string indent_of(std::string_view line) {
  return std::string(line.substr(0, line.find_first_not_of(" \t")));
}

/// Adds `line` to the table, or puts it in the place of the entry for `key`.
void put(TomlLocation& location, std::string_view key, const std::string& line) {
  std::vector<std::string>& lines = location.config.lines;
  const auto at = [&](std::size_t index) {
    return lines.begin() + static_cast<std::ptrdiff_t>(index);
  };
  const TomlValue* const entry = location.find(key);
  const std::size_t index = entry != nullptr ? entry->begin : location.table->begin + 1;
  std::string indented = indent_of(lines[entry != nullptr ? index : location.table->begin]);
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
  const auto document = parse_toml(text);
  if (document && document->members.empty()) text += "version = 2\n";
  return text;
}

Result<std::string> with_setting(std::string_view config, const std::string& runtime,
                                 std::string_view key, const std::string& value) {
  TomlLocation location = SL_TRY(find_location(config, runtime));
  put(location, key, std::string(key) + " = " + value);
  return whole(location.config.lines);
}

/// What containerd has built in for runc is lost where the file has the table: the type is needed.
std::string with_table(const std::string& config, const TomlLocation& location) {
  return config + "\n" + location.header() + "\n  runtime_type = \"io.containerd.runc.v2\"\n";
}

/// The strings of an entry; none if there is no entry.
std::vector<std::string> strings_of(const TomlValue* entry) {
  return entry == nullptr ? std::vector<std::string>{} : entry->strings();
}

std::string spec_of(const TomlValue* entry) {
  const std::vector<std::string> strings = strings_of(entry);
  return strings.empty() ? std::string() : strings.front();
}

/// Whether the file says anything of the CRI plugin, under whatever name.
bool speaks_of_plugin(std::string_view config) {
  const auto document = parse_toml(config);
  const TomlValue* const plugins = document ? document->find("plugins") : nullptr;
  return plugins != nullptr && (plugins->find("io.containerd.grpc.v1.cri") != nullptr ||
                                plugins->find("io.containerd.cri.v1.runtime") != nullptr);
}

}  // namespace

Result<std::vector<RuntimeSettings>> runtimes_in(std::string_view config) {
  const Config read = SL_TRY(read_config(or_new(config)));
  const std::string plugin = SL_TRY(plugin_of(read.document));
  const TomlValue* const found = SL_TRY(runtimes_of(read.document, plugin));
  std::vector<RuntimeSettings> runtimes;
  if (found == nullptr) return runtimes;
  for (const auto& [name, table] : found->members) {
    SL_CHECK(check_own_table(name, table));
    if (table.made != TomlValue::Made::header) continue;
    runtimes.push_back({.runtime = name,
                        .spec = spec_of(table.find(spec_key)),
                        .patterns = strings_of(table.find(annotations_key))});
  }
  return runtimes;
}

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
  const auto document = parse_toml(config);
  return document ? strings_of(document->find("imports")) : std::vector<std::string>{};
}

Result<std::string> spec_in_force(std::string_view config, const std::string& runtime) {
  return spec_of(SL_TRY(find_location(or_new(config), runtime)).find(spec_key));
}

Result<std::string> with_settings(std::string_view config, const RuntimeTable& wanted) {
  std::string text = or_new(config);
  const TomlLocation location = SL_TRY(find_location(text, wanted.runtime));
  if (location.table == nullptr) text = with_table(text, location);

  std::vector<std::string> patterns = strings_of(location.find(annotations_key));
  const std::size_t before = patterns.size();
  for (const std::string& pattern : our_patterns()) {
    if (std::find(patterns.begin(), patterns.end(), pattern) == patterns.end()) {
      patterns.emplace_back(pattern);
    }
  }
  if (patterns.size() != before) {
    std::vector<std::string> quoted_patterns;
    for (const std::string& pattern : patterns) quoted_patterns.push_back(toml_string(pattern));
    text = SL_TRY(with_setting(text, wanted.runtime, annotations_key,
                               "[" + joined(quoted_patterns, ", ") + "]"));
  }
  if (SL_TRY(spec_in_force(text, wanted.runtime)) != wanted.spec) {
    text = SL_TRY(with_setting(text, wanted.runtime, spec_key, toml_string(wanted.spec)));
  }
  return text;
}

}  // namespace socklid::command
