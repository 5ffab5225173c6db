// SPDX-License-Identifier: Apache-2.0
#include "command/doctor/hooks_json.hpp"

#include <algorithm>
#include <map>

#include "base/json.hpp"
#include "command/output.hpp"

namespace socklid::command {
namespace {

constexpr std::string_view program_name = "socklid-hook";

std::string path_of(const HooksFile& file) {
  return printable(file.directory + "/" + file.name);
}

Result<std::vector<std::string>> strings_of(const json::Value* array, std::string_view name) {
  std::vector<std::string> strings;
  if (array == nullptr) return strings;
  if (!array->is_array()) return fail(Exit::node, name, " is no array");
  for (const json::Value& item : array->array()) {
    if (!item.is_string()) return fail(Exit::node, name, " holds no strings only");
    strings.push_back(item.string());
  }
  return strings;
}

/// podman never calls a hook whose `when` is empty.
bool can_match(const json::Value& document) {
  const json::Value* when = document.find("when");
  return when != nullptr && when->is_object() && !when->object().empty();
}

/// Our program gets its stage as its first argument, so a file is for one stage.
Result<> check_arguments(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& stages) {
  for (const std::string& stage : stages) {
    if (arguments.size() != 2 || arguments[1] != stage) {
      return fail(Exit::node, "hook.args must be [\"", program_name, "\", \"", printable(stage),
                  "\"] for the stage ", printable(stage));
    }
  }
  return {};
}

}  // namespace

bool is_ours(const HooksFile& file) {
  return file.name.starts_with("socklid") || file.text.find(program_name) != std::string::npos;
}

Result<HookEntry> parse_hook_entry(std::string_view text) {
  auto document = json::parse(text);
  if (!document) return wrap("not JSON", document.error());
  if (document->find_string("version") != "1.0.0") {
    return fail(Exit::node, "version is not \"1.0.0\"");
  }
  const json::Value* hook = document->find("hook");
  const auto path = hook != nullptr ? hook->find_string("path") : std::nullopt;
  if (!path || !path->starts_with('/')) return fail(Exit::node, "hook.path is no absolute path");
  if (!can_match(*document)) return fail(Exit::node, "`when` is empty and matches no container");
  HookEntry entry{*path, SL_TRY(strings_of(document->find("stages"), "stages"))};
  const auto arguments = SL_TRY(strings_of(hook->find("args"), "hook.args"));
  SL_CHECK(check_arguments(arguments, entry.stages));
  return entry;
}

HooksFindings judge_hooks(const std::vector<HooksFile>& files) {
  HooksFindings findings;
  std::map<std::string_view, const HooksFile*> in_force;
  for (const HooksFile& file : files) in_force[file.name] = &file;
  for (const HooksFile& file : files) {
    const HooksFile& last = *in_force[file.name];
    if (&last != &file && is_ours(file) && !is_ours(last)) {
      findings.problems.push_back(path_of(file) + " is masked by " + path_of(last));
    }
  }
  for (const auto& [name, file] : in_force) {
    if (!is_ours(*file)) continue;
    auto entry = parse_hook_entry(file->text);
    if (entry) {
      findings.entries.push_back(std::move(*entry));
    } else {
      findings.problems.push_back(path_of(*file) + ": " + entry.error().message);
    }
  }
  for (const std::string_view stage : {"createRuntime", "poststop"}) {
    const bool found =
        std::any_of(findings.entries.begin(), findings.entries.end(), [&](const HookEntry& entry) {
          return std::find(entry.stages.begin(), entry.stages.end(), stage) != entry.stages.end();
        });
    if (!found) findings.problems.push_back("no file calls socklid-hook at " + std::string(stage));
  }
  return findings;
}

}  // namespace socklid::command
