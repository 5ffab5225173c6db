// SPDX-License-Identifier: Apache-2.0
#include "command/containerd/spec.hpp"

#include <algorithm>

namespace socklid::command {
namespace {

constexpr std::string_view program_name = "socklid-hook";
constexpr int timeout_seconds = 60;

Failure bad(const std::string& what) {
  return fail(Exit::usage, what, "; `ctr oci spec` prints one that is good");
}

bool is_ours(const json::Value& entry) {
  const json::Value* const args = entry.find("args");
  return args != nullptr && args->is_array() && !args->array().empty() &&
         args->array().front() == json::Value(program_name);
}

json::Value entry_for(const std::string& stage, const std::string& hook) {
  return json::Object{
      {"path", hook}, {"args", json::Array{program_name, stage}}, {"timeout", timeout_seconds}};
}

/// The hooks of one stage with ours as the last.
Result<json::Array> stage_with_ours(const json::Object& hooks, const std::string& stage,
                                    const std::string& hook) {
  json::Array entries;
  if (const auto found = hooks.find(stage); found != hooks.end() && !found->second.is_null()) {
    if (!found->second.is_array()) return bad("hooks." + stage + " is no array");
    entries = found->second.array();
  }
  std::erase_if(entries, is_ours);
  entries.push_back(entry_for(stage, hook));
  return entries;
}

/// json::Value holds whole numbers up to 2^63-1; what is beyond would come back rounded.
bool has_rounded_number(const json::Value& value) {
  if (value.is_array()) {
    return std::any_of(value.array().begin(), value.array().end(), has_rounded_number);
  }
  if (value.is_object()) {
    return std::any_of(value.object().begin(), value.object().end(),
                       [](const auto& member) { return has_rounded_number(member.second); });
  }
  return std::holds_alternative<double>(value.data());
}

/// By the program's file name: `args` may say anything.
bool runs_our_program(const json::Value& entry) {
  const std::string path = entry.find_string("path").value_or("");
  return path.starts_with('/') && path.substr(path.rfind('/') + 1) == program_name;
}

}  // namespace

bool calls_hook(std::string_view spec) {
  const auto parsed = json::parse(spec);
  const json::Value* const hooks = parsed ? parsed->find("hooks") : nullptr;
  const json::Value* const stage = hooks == nullptr ? nullptr : hooks->find("createRuntime");
  return stage != nullptr && stage->is_array() &&
         std::any_of(stage->array().begin(), stage->array().end(), runs_our_program);
}

Result<json::Object> hooks_with_ours(const json::Value& document, const std::string& hook) {
  json::Object hooks;
  if (const json::Value* const found = document.find("hooks");
      found != nullptr && !found->is_null()) {
    if (!found->is_object()) return bad("hooks is no object");
    if (has_rounded_number(*found)) return bad("hooks has a number that is no whole number");
    hooks = found->object();
  }
  for (const std::string stage : {"createRuntime", "poststop"}) {
    hooks[stage] = SL_TRY(stage_with_ours(hooks, stage, hook));
  }
  return hooks;
}

Result<std::string> with_hooks(std::string_view spec, const std::string& hook) {
  auto parsed = json::parse(spec);
  if (!parsed) return bad("not JSON: " + parsed.error().message);
  if (!parsed->find_string("ociVersion")) return bad("no OCI runtime spec: it has no ociVersion");
  if (has_rounded_number(*parsed)) {
    return bad("it has a number that is no whole number below 2^63 (an rlimit without limit?)");
  }
  json::Object document = parsed->object();
  document["hooks"] = SL_TRY(hooks_with_ours(*parsed, hook));
  return json::to_pretty_string(document) + "\n";
}

}  // namespace socklid::command
