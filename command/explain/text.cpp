// SPDX-License-Identifier: Apache-2.0
#include "command/explain/explain.hpp"
#include "command/explain/policy_json.hpp"
#include "command/explain/subjects.hpp"
#include "command/output.hpp"

namespace socklid::command {
namespace {

bool does_nothing(const Explanation& explanation) {
  return explanation.policy == annotations::Policy{};
}

/// Which keys are behind each hook.
Causes causes_of(const Explanation& explanation) {
  return causes(explanation.policy, explanation.network);
}

std::string hooks_text(const Explanation& explanation, bool per_cgroup) {
  const Causes keys = causes_of(explanation);
  std::vector<std::vector<std::string>> lines;
  for (const Hook hook : explanation.plan.hooks) {
    if (is_per_cgroup(hook) != per_cgroup) continue;
    lines.push_back({"  " + std::string(name(hook)), std::string(row_of(hook).purpose),
                     joined(keys[index_of(hook)].names(), ", ")});
  }
  if (lines.empty()) return {};
  return (per_cgroup ? "hooks of the container's cgroup:\n" : "hooks of the node:\n") +
         columns(lines);
}

std::string policy_text(const annotations::Policy& policy) {
  std::string text = "policy:\n  ";
  for (const char c : annotations::to_string(policy)) {
    text += c;
    if (c == '\n') text += "  ";
  }
  text.resize(text.size() - 2);
  return text;
}

}  // namespace

std::string explain_text(const Explanation& explanation) {
  if (does_nothing(explanation)) return "policy: none, nothing is done\n";
  std::string text = policy_text(explanation.policy);
  text += hooks_text(explanation, true) + hooks_text(explanation, false);
  if (explanation.plan.mark) {
    text += "mark of new sockets: " + annotations::to_string(*explanation.plan.mark) + "\n";
  }
  text += subjects_text(explanation);
  for (const std::string& note : explanation.plan.notes) text += "note: " + note + "\n";
  if (!explanation.nft.empty()) {
    text += "nft rules of the container's network namespace:\n" + explanation.nft;
  }
  return text;
}

json::Value explain_json(const Explanation& explanation) {
  const Causes keys = causes_of(explanation);
  json::Array hooks;
  for (const Hook hook : explanation.plan.hooks) {
    hooks.emplace_back(json::Object{{"hook", name(hook)},
                                    {"per_cgroup", is_per_cgroup(hook)},
                                    {"annotations", json_array(keys[index_of(hook)].names())}});
  }
  const auto& mark = explanation.plan.mark;
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? json::Value() : json::Value(text);
  };
  return json::Object{{"container", text_or_null(explanation.container)},
                      {"policy", policy_json(explanation.policy)},
                      {"restricts", annotations::restricts(explanation.policy)},
                      {"hooks", std::move(hooks)},
                      {"mark", mark ? json::Value(annotations::to_string(*mark)) : json::Value()},
                      {"subjects", subjects_json(explanation)},
                      {"readonly", readonly_json(explanation)},
                      {"notes", json_array(explanation.plan.notes)},
                      {"nft", text_or_null(explanation.nft)}};
}

}  // namespace socklid::command
