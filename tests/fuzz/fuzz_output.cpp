// SPDX-License-Identifier: Apache-2.0
//
// Everything that others write and we show: the state, the files of runtimes and engines, what
// processes are called, records and refusals that somebody has changed. Fails if a text of ours is
// not UTF-8, holds what a terminal obeys or has more lines than it has things to tell (I11); if a
// document of ours is not ASCII or does not read back; or if the line for standard error depends
// on a byte of the input.
//
// The input: parts with a line "===" between them, in the order of `Input`.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "command/doctor/doctor.hpp"
#include "command/events.hpp"
#include "command/inspect.hpp"
#include "command/list.hpp"
#include "hook/public_line.hpp"
#include "system/log.hpp"
#include "tests/support/harmless.hpp"

namespace {

using namespace socklid;
using namespace socklid::command;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Input {
  std::string state;    ///< what the hook reads
  std::string status;   ///< crun's
  std::string config;   ///< config.json, of crun's container and of an engine's bundle
  std::string runc;     ///< runc's state.json
  std::string cgroup;   ///< /proc/PID/cgroup
  std::string record;   ///< below /run/socklid/containers
  std::string refusal;  ///< below /run/socklid/refusals
  std::string name;     ///< of a process, a chain, a file that could not be read
};

Input split_input(std::string_view text) {
  Input input;
  for (std::string* part : {&input.state, &input.status, &input.config, &input.runc, &input.cgroup,
                            &input.record, &input.refusal, &input.name}) {
    constexpr std::string_view separator = "\n===\n";
    const std::size_t end = std::min(text.find(separator), text.size());
    *part = text.substr(0, end);
    text.remove_prefix(std::min(end + separator.size(), text.size()));
  }
  return input;
}

/// A tree as running_containers() and refusals() read it.
class Tree {
 public:
  Tree() {
    require(::mkdtemp(root_.data()) != nullptr);
    for (const char* directory :
         {"/run", "/run/crun", "/run/crun/one", "/run/runc", "/run/runc/two", "/run/containers",
          "/run/containers/storage", "/run/containers/storage/overlay-containers",
          "/run/containers/storage/overlay-containers/three",
          "/run/containers/storage/overlay-containers/three/userdata", "/proc", "/proc/11",
          "/proc/12", "/proc/13", "/refusals"}) {
      require(::mkdir((root_ + directory).c_str(), 0700) == 0);
    }
  }

  void fill(const Input& input) const {
    write("/run/crun/one/status", input.status);
    write("/run/crun/one/config.json", input.config);
    write("/run/runc/two/state.json", input.runc);
    const std::string bundle = "/run/containers/storage/overlay-containers/three/userdata";
    write(bundle + "/config.json", input.config);
    write(bundle + "/pidfile", "13");
    for (const char* pid : {"11", "12", "13"}) {
      const std::string process = std::string("/proc/") + pid;
      write(process + "/stat", std::string(pid) + " (" + input.name +
                                   ") S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n");
      write(process + "/cgroup", input.cgroup);
    }
    write("/refusals/1.json", input.refusal);
  }

  [[nodiscard]] const std::string& root() const { return root_; }

 private:
  void write(const std::string& path, const std::string& content) const {
    std::ofstream(root_ + path, std::ios::binary | std::ios::trunc) << content;
  }
  std::string root_ = "/dev/shm/socklid-fuzz-XXXXXX";
};

void check_text(const std::string& text, std::size_t lines) {
  require(is_harmless(text));
  require(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) == lines);
}

void check_json(const json::Value& value) {
  for (const std::string& text : {json::to_string(value), json::to_pretty_string(value)}) {
    require(std::all_of(text.begin(), text.end(),
                        [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
    const auto read = json::parse(text);
    require(read && json::to_string(*read) == json::to_string(value));
  }
}

/// Of any error: what the log gets, and what everybody gets.
void check_error(const Error& error) {
  check_text(log_line(error.message), 0);
  const PublicLine line(error.exit, error.where);
  check_text(line.text(), 1);
  require(line.text().size() < 600 && line.text().starts_with("socklid-hook: exit "));
  for (const OwnText& own : {error.where.key, error.where.nearest}) {
    const auto keys = annotations::keys();
    require(own.empty() || std::any_of(keys.begin(), keys.end(),
                                       [&](const auto& one) { return one.name == own; }));
  }
}

void check_state(const std::string& text) {
  for (const Stage stage : {Stage::create, Stage::remove}) {
    const auto state = parse_state(text, stage);
    if (!state) return check_error(state.error());
    check_text(printable(short_id(state->id)), 0);
    if (const auto ready = check_ready(*state); !ready) check_error(ready.error());
    const auto policy = annotations::parse(state->annotations);
    if (!policy) check_error(policy.error());
    if (!annotations::hook_outlet(state->annotations).empty()) {
      require(!policy && !may_print(state->annotations));
    }
  }
}

Container container_of(const std::string& text) {
  Container container;
  container.entry.recorded = container.entry.pinned = true;
  container.entry.key = key_of("lost", 4711);
  container.entry.parts = {.encoded_id = "lost", .cgroup_id = 4711};
  auto record = parse_record(text);
  if (!record) check_error(record.error());
  if (record) container.entry.record = std::move(*record);
  // Of 0.1.0 both are in one document.
  auto details = parse_details(text);
  if (!details) check_error(details.error());
  if (details) container.details = std::move(*details);
  return container;
}

void check_list(const Survey& survey, const Container& container) {
  Listing listing{.unguarded = unguarded(survey.containers, {}), .lines = {}};
  listing.lines.push_back({container, 7, std::nullopt, {}});
  for (const bool no_trunc : {false, true}) {
    check_text(list_text(listing, no_trunc), 1 + listing.unguarded.size() + listing.lines.size());
  }
  check_json(list_json(listing));
}

void check_inspect(const Container& container, const std::string& name) {
  Inspection inspection{.container = container,
                        .policy = std::nullopt,
                        .hooks = {{.hook = name, .per_cgroup = true, .link = std::nullopt}},
                        .damage = {name},
                        .denials = std::nullopt,
                        .seal = std::nullopt,
                        .subjects = {{.name = name,
                                      .index = 0,
                                      .programs = {{.subject = 0, .path = name, .number = {}}},
                                      .tasks = 1,
                                      .runs = {},
                                      .denials = {}}},
                        .counters = {},
                        .counters_missing = name,
                        .this_build = false};
  std::size_t lines = 0;
  if (const auto& details = container.details) {
    lines = details->annotations.size() + details->notes.size();
    for (const std::string& hook : details->hooks) {
      inspection.hooks.push_back({.hook = hook, .per_cgroup = false, .link = std::nullopt});
    }
    if (const auto policy = annotations::parse(details->annotations)) inspection.policy = *policy;
  }
  const std::string text = inspect_text(inspection);
  require(is_harmless(text));
  constexpr std::size_t ours = 60;  // the head, the sections' titles, the policy
  const auto seen = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  require(seen <= lines + inspection.hooks.size() + ours);
  check_json(inspect_json(inspection));
  RuleCounter counter;
  counter.chain = counter.comment = name;
  inspection.counters = {counter};
  inspection.counters_missing.clear();
  require(is_harmless(inspect_text(inspection)));
  check_json(inspect_json(inspection));
}

void check_doctor(const Survey& survey, const std::string& run, const std::string& name) {
  Diagnosis diagnosis;
  diagnosis.checks = {judge_running(survey, unguarded(survey.containers, {})), judge_lsm_list(name),
                      judge_kernel_version(name), judge_podman_version(name),
                      failed("name", name, name)};
  diagnosis.refusals =
      refusals({.run = run, .bpffs_mount = {}, .bpffs = {}, .cgroup_mount = {}}).value();
  check_text(doctor_text(diagnosis), diagnosis.checks.size() + 1 + diagnosis.refusals.size());
  check_json(doctor_json(diagnosis));
}

void check_events(const std::string& name) {
  sl_event event{};
  std::memcpy(event.command, name.data(), std::min(name.size(), sizeof event.command));
  const Sealed sealed{.container = name, .subject = name};
  check_text(event_text(event, sealed, {}), 1);
  check_json(event_json(event, sealed, {}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Tree tree;
  const Input input = split_input({reinterpret_cast<const char*>(data), size});
  tree.fill(input);
  check_state(input.state);
  Survey survey = running_containers(tree.root());
  for (const std::string& why : survey.unread) check_text(printable(why), 0);
  survey.unread.push_back(input.name);
  const Container container = container_of(input.record);
  check_list(survey, container);
  check_inspect(container, input.name);
  check_doctor(survey, tree.root(), input.name);
  check_events(input.name);
  return 0;
}
