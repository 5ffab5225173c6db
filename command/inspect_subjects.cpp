// SPDX-License-Identifier: Apache-2.0
#include "command/inspect.hpp"
#include "command/output.hpp"
#include "command/running/seal_status.hpp"
#include "plan/reasons.hpp"

namespace socklid::command {
namespace {

/// As in proc_pid_mountinfo(5).
std::string device_text(std::uint32_t device) {
  constexpr unsigned minor_bits = 20;
  constexpr std::uint32_t minor_mask = (1U << minor_bits) - 1;
  return std::to_string(device >> minor_bits) + ":" + std::to_string(device & minor_mask);
}

using Lines = std::vector<std::vector<std::string>>;

void add_denials(const sl_denials& denials, Lines& lines) {
  for (int i = SL_REASON_UNCONFIGURED; i < SL_REASON_COUNT; ++i) {
    if (denials.count[i] == 0) continue;
    lines.push_back({"", "denied:", std::to_string(denials.count[i]),
                     std::string(name_of(static_cast<sl_reason>(i)))});
  }
}

json::Array denials_array(const sl_denials& denials) {
  json::Array array;
  for (int i = SL_REASON_UNCONFIGURED; i < SL_REASON_COUNT; ++i) {
    if (denials.count[i] == 0) continue;
    array.emplace_back(json::Object{{"count", std::uint64_t{denials.count[i]}},
                                    {"denied", name_of(static_cast<sl_reason>(i))}});
  }
  return array;
}

std::string run_text(const ObservedRun& run, const Moment& now) {
  return run.seal ? seal_text(status_of(*run.seal, now)) : "sealed";
}

json::Array runs_array(const std::vector<ObservedRun>& runs, const Moment& now) {
  json::Array array;
  for (const ObservedRun& run : runs) {
    json::Value seal = json::Object{{"sealed", true}};
    if (run.seal) seal = seal_json(status_of(*run.seal, now));
    array.emplace_back(json::Object{{"tasks", run.tasks}, {"seal", std::move(seal)}});
  }
  return array;
}

}  // namespace

std::string subjects_text(const std::vector<ObservedSubject>& subjects) {
  Lines lines;
  const Moment now = moment();
  for (const ObservedSubject& one : subjects) {
    lines.push_back({printable(one.name), "tasks:", std::to_string(one.tasks), ""});
    for (const ObservedRun& run : one.runs) {
      lines.push_back({"", "run of:", std::to_string(run.tasks), run_text(run, now)});
    }
    for (const ProgramFile& program : one.programs) {
      lines.push_back({"", "program:", printable(program.path),
                       "file " + std::to_string(program.number.inode) + " on " +
                           device_text(program.number.device)});
    }
    if (one.programs.empty()) lines.push_back({"", "program:", "*", "everyone else"});
    add_denials(one.denials, lines);
  }
  return columns(lines);
}

json::Value subjects_json(const std::vector<ObservedSubject>& subjects) {
  json::Array array;
  const Moment now = moment();
  for (const ObservedSubject& one : subjects) {
    json::Array programs;
    for (const ProgramFile& program : one.programs) {
      programs.emplace_back(json::Object{{"path", program.path},
                                         {"inode", std::to_string(program.number.inode)},
                                         {"device", device_text(program.number.device)}});
    }
    array.emplace_back(json::Object{
        {"name", one.name},
        {"number", one.index},
        {"tasks", one.tasks},
        {"programs", std::move(programs)},
        {"runs", one.is_sealed_later ? json::Value(runs_array(one.runs, now)) : json::Value()},
        {"denials", denials_array(one.denials)}});
  }
  return array;
}

}  // namespace socklid::command
