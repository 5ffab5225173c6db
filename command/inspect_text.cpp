// SPDX-License-Identifier: Apache-2.0
#include "command/explain/policy_json.hpp"
#include "command/inspect.hpp"
#include "command/output.hpp"
#include "plan/notes.hpp"

namespace socklid::command {
namespace {

using Lines = std::vector<std::vector<std::string>>;

std::string indented(const std::string& block) {
  std::string text;
  for (std::size_t begin = 0; begin < block.size();) {
    const std::size_t end = std::min(block.find('\n', begin), block.size());
    text.append("  ").append(block, begin, end - begin).append("\n");
    begin = end + 1;
  }
  return text;
}

std::string section(std::string_view title, const std::string& block) {
  return std::string(title) + ":\n" + (block.empty() ? "  none\n" : indented(block));
}

std::string mark_text(const annotations::Mark& mark) {
  char text[32];
  const int length = std::snprintf(text, sizeof text, "0x%x/0x%x", mark.value, mark.mask);
  return {text, static_cast<std::size_t>(length)};
}

std::string placement_text(const Placement& placement) {
  std::string text(name_of(placement.netns));
  if (placement.slot != 0) text += ", nft table inet " + table_name(placement.slot);
  return text;
}

std::string head(const Inspection& inspection) {
  const Container& container = inspection.container;
  Lines lines = {{"id:", printable(id_of(container))},
                 {"state:", std::string(to_string(container.state))}};
  const auto add = [&](const char* label, std::string text) {
    lines.push_back({label, std::move(text)});
  };
  const std::string cgroup_id = "id " + std::to_string(container.entry.parts.cgroup_id);
  if (const auto& record = container.entry.record) {
    const std::string path = container.details ? printable(container.details->cgroup_path) : "?";
    add("cgroup:", path + " (" + cgroup_id + ")");
    add("netns:", std::to_string(record->netns) + " (" + placement_text(record->placement) + ")");
    add("mark:", record->mark ? mark_text(*record->mark) : "none");
    add("seal:", seal_text(inspection.seal));
    add("created:", utc_time(record->created));
    add("process:", std::to_string(record->pid));
    add("programs:", printable(record->object_hash) +
                         (inspection.this_build ? " (this build's)" : " (another build's)"));
  } else {
    add("cgroup:", cgroup_id);
  }
  return columns(lines);
}

std::string annotations_text(const Container& container) {
  std::string text;
  if (!container.details) return text;
  for (const auto& [key, value] : container.details->annotations) {
    text += printable(key) + ": " + printable(value) + "\n";
  }
  return text;
}

std::string hooks_text(const Inspection& inspection) {
  Lines lines;
  for (const HookInForce& one : inspection.hooks) {
    std::string where = one.per_cgroup ? "this cgroup" : "node-wide";
    if (!one.link) {
      lines.push_back({printable(one.hook), "not attached", "", where});
      continue;
    }
    if (one.per_cgroup && one.link->cgroup_id == 0) where = "detached: the cgroup is gone";
    lines.push_back({printable(one.hook), "link " + std::to_string(one.link->link_id),
                     "program " + std::to_string(one.link->program_id), where});
  }
  return columns(lines);
}

/// The keys behind a reason. Who has no record is taken to be in a namespace of his own.
std::vector<std::string_view> keys_behind(sl_reason reason, const Inspection& inspection) {
  const auto& record = inspection.container.entry.record;
  return causes(reason, *inspection.policy, record ? record->placement.netns : NetnsKind::own)
      .names();
}

/// What may have been meant to be allowed: a second listener that came after the seal.
std::string remedy_for(const Inspection& inspection, sl_reason reason) {
  const bool is_of_listener = reason == SL_REASON_CREATE || reason == SL_REASON_CREATE_TCP ||
                              reason == SL_REASON_BIND || reason == SL_REASON_LISTEN;
  return is_of_listener && inspection.policy ? seal_for_both(*inspection.policy) : std::string();
}

/// Without a policy to look into, what the reason says by itself.
std::string because(const Inspection& inspection, sl_reason reason) {
  if (!inspection.policy) return std::string(annotation_of(reason));
  std::string text = joined(keys_behind(reason, inspection), ", ");
  const std::string remedy = remedy_for(inspection, reason);
  if (!remedy.empty()) text += " (a second listener needs " + remedy + ")";
  return text;
}

std::string denials_text(const Inspection& inspection) {
  if (!inspection.denials) return "unknown: the programs that count them are not loaded\n";
  Lines lines;
  for (int i = SL_REASON_UNCONFIGURED; i < SL_REASON_COUNT; ++i) {
    const auto reason = static_cast<sl_reason>(i);
    const std::uint64_t count = inspection.denials->count[i];
    if (count == 0) continue;
    lines.push_back(
        {std::to_string(count), std::string(name_of(reason)), because(inspection, reason)});
  }
  return columns(lines);
}

std::string counters_text(const Inspection& inspection) {
  if (!inspection.counters_missing.empty()) return printable(inspection.counters_missing) + "\n";
  Lines lines;
  for (const RuleCounter& counter : inspection.counters) {
    lines.push_back({std::to_string(counter.packets) + " packets",
                     std::to_string(counter.bytes) + " bytes", printable(counter.chain),
                     printable(counter.comment)});
  }
  return columns(lines);
}

json::Value hooks_json(const Inspection& inspection) {
  json::Array hooks;
  for (const HookInForce& one : inspection.hooks) {
    json::Object hook{{"hook", one.hook},
                      {"per_cgroup", one.per_cgroup},
                      {"attached", one.link && (!one.per_cgroup || one.link->cgroup_id != 0)}};
    if (one.link) {
      hook.emplace("link", one.link->link_id);
      hook.emplace("program", one.link->program_id);
    }
    hooks.emplace_back(std::move(hook));
  }
  return hooks;
}

json::Value denials_json(const Inspection& inspection) {
  if (!inspection.denials) return {};
  json::Array denials;
  for (int i = SL_REASON_UNCONFIGURED; i < SL_REASON_COUNT; ++i) {
    const auto reason = static_cast<sl_reason>(i);
    if (inspection.denials->count[i] == 0) continue;
    json::Object denial{{"count", std::uint64_t{inspection.denials->count[i]}},
                        {"denied", name_of(reason)}};
    if (inspection.policy) {
      denial.emplace("annotations", json_array(keys_behind(reason, inspection)));
      const std::string remedy = remedy_for(inspection, reason);
      if (!remedy.empty()) denial.emplace("remedy", remedy);
    }
    denials.emplace_back(std::move(denial));
  }
  return denials;
}

json::Value counters_json(const Inspection& inspection) {
  if (!inspection.counters_missing.empty()) return {};
  json::Array counters;
  for (const RuleCounter& counter : inspection.counters) {
    counters.emplace_back(json::Object{{"chain", counter.chain},
                                       {"rule", counter.comment},
                                       {"packets", counter.packets},
                                       {"bytes", counter.bytes}});
  }
  return counters;
}

void add_details(const Details& details, json::Object& object) {
  json::Object given;
  for (const auto& [key, value] : details.annotations) given.emplace(key, value);
  object.emplace("annotations", std::move(given));
  object.emplace("cgroup", details.cgroup_path);
  object.emplace("notes", json_array(details.notes));
}

void add_record(const Record& record, bool this_build, json::Object& object) {
  object.emplace("netns", record.netns);
  object.emplace("network", name_of(record.placement.netns));
  object.emplace("slot", record.placement.slot);
  object.emplace("mark", record.mark ? json::Value(mark_text(*record.mark)) : json::Value());
  object.emplace("created", record.created);
  object.emplace("pid", record.pid);
  object.emplace("programs",
                 json::Object{{"hash", record.object_hash}, {"this_build", this_build}});
}

}  // namespace

std::string inspect_text(const Inspection& inspection) {
  std::string notes;
  if (const auto& details = inspection.container.details) {
    for (const std::string& note : details->notes) notes += printable(note) + "\n";
  }
  const std::string policy =
      inspection.policy ? annotations::to_string(*inspection.policy) : "unknown\n";
  std::string damage;
  for (const std::string& what : inspection.damage) damage += printable(what) + "\n";
  if (!damage.empty()) {
    damage += "remedy: socklid repair " + printable(id_of(inspection.container)) + "\n";
  }
  return head(inspection) + (damage.empty() ? "" : section("damage", damage)) +
         section("annotations", annotations_text(inspection.container)) +
         section("policy", policy) +
         (inspection.subjects.empty() ? ""
                                      : section("subjects", subjects_text(inspection.subjects))) +
         section("hooks", hooks_text(inspection)) + section("denials", denials_text(inspection)) +
         section("nft counters", counters_text(inspection)) + section("notes", notes);
}

json::Value inspect_json(const Inspection& inspection) {
  const Container& container = inspection.container;
  json::Object object{{"id", id_of(container)},
                      {"state", to_string(container.state)},
                      {"cgroup_id", container.entry.parts.cgroup_id},
                      {"hooks", hooks_json(inspection)},
                      {"denials", denials_json(inspection)},
                      {"seal", seal_json(inspection.seal)},
                      {"subjects", subjects_json(inspection.subjects)},
                      {"damage", json_array(inspection.damage)},
                      {"counters", counters_json(inspection)}};
  if (inspection.policy) object.emplace("policy", policy_json(*inspection.policy));
  if (container.details) add_details(*container.details, object);
  if (const auto& record = container.entry.record) {
    add_record(*record, inspection.this_build, object);
  }
  return object;
}

}  // namespace socklid::command
