// SPDX-License-Identifier: Apache-2.0
#include "command/doctor/doctor.hpp"

#include <algorithm>

#include "command/output.hpp"

namespace socklid::command {
namespace {

/// In the order in which they depend on each other. Slots are counted before our own programs are
/// tried, which would take some.
constexpr Check (*all_checks[])(const Paths&) = {
    check_root_and_capabilities,
    check_user_namespace,
    check_kernel_version,
    check_lsm_list,
    check_lockdown,
    check_btf,
    check_cgroup2,
    check_bpf_filesystem,
    check_slots,
    check_programs,
    check_nf_tables,
    check_hooks_directories,
    check_image_annotations,
    check_containerd,
    check_checkpoints,
    check_builds,
    check_maps,
    check_overlays,
    check_containers,
    check_unguarded,
    check_labels,
};

std::vector<Refusal> last_refusals(const Paths& paths) {
  std::vector<Refusal> all = refusals(paths).value_or(std::vector<Refusal>{});
  std::reverse(all.begin(), all.end());
  if (all.size() > refusals_shown) all.resize(refusals_shown);
  return all;
}

Diagnosis diagnose(const Paths& paths) {
  Diagnosis diagnosis;
  for (const auto check : all_checks) diagnosis.checks.push_back(check(paths));
  diagnosis.refusals = last_refusals(paths);
  return diagnosis;
}

std::string to_string(const Refusal& refusal) {
  const std::string id = refusal.id.empty() ? "-" : printable(refusal.id);
  const std::string times =
      refusal.count > 1 ? " (" + std::to_string(refusal.count) + " times)" : "";
  return "  " + utc_time(refusal.time) + "  " + id + "  exit " + std::to_string(refusal.exit) +
         times + "  " + printable(refusal.message) + "\n";
}

}  // namespace

std::string_view name_of(Level level) {
  switch (level) {
    case Level::ok:
      return "ok";
    case Level::risk:
      return "risk";
    case Level::fail:
      break;
  }
  return "fail";
}

bool healthy(const Diagnosis& diagnosis, bool strict) {
  const Level worst = strict ? Level::ok : Level::risk;
  return std::all_of(diagnosis.checks.begin(), diagnosis.checks.end(),
                     [&](const Check& check) { return check.level <= worst; });
}

std::string to_string(const Check& check) {
  const std::string word = check.level == Level::ok     ? "ok   "
                           : check.level == Level::risk ? "RISK "
                                                        : "FAIL ";
  std::string line = word + check.name + ": " + check.detail;
  if (!check.remedy.empty()) line += "; " + check.remedy;
  return printable(line);
}

std::string doctor_text(const Diagnosis& diagnosis) {
  std::string text;
  for (const Check& check : diagnosis.checks) text += to_string(check) + "\n";
  text += diagnosis.refusals.empty() ? "last refusals: none\n" : "last refusals:\n";
  for (const Refusal& refusal : diagnosis.refusals) text += to_string(refusal);
  return text;
}

json::Value doctor_json(const Diagnosis& diagnosis, bool strict) {
  json::Array checks;
  for (const Check& check : diagnosis.checks) {
    checks.emplace_back(json::Object{{"name", check.name},
                                     {"ok", check.level != Level::fail},
                                     {"level", std::string(name_of(check.level))},
                                     {"detail", check.detail},
                                     {"remedy", check.remedy}});
  }
  json::Array refusals;
  for (const Refusal& refusal : diagnosis.refusals) {
    refusals.emplace_back(json::Object{{"time", refusal.time},
                                       {"id", refusal.id},
                                       {"exit", refusal.exit},
                                       {"message", refusal.message},
                                       {"origin", refusal.origin},
                                       {"count", refusal.count}});
  }
  return json::Object{{"ok", healthy(diagnosis, strict)},
                      {"checks", std::move(checks)},
                      {"refusals", std::move(refusals)}};
}

Result<int> doctor(const DoctorOptions& options) {
  const Diagnosis diagnosis = diagnose(Paths{});
  if (options.json) {
    print_json(doctor_json(diagnosis, options.strict));
  } else {
    print(doctor_text(diagnosis));
  }
  return healthy(diagnosis, options.strict) ? 0 : 1;
}

}  // namespace socklid::command
