// SPDX-License-Identifier: Apache-2.0
//
// Whether a container can start without a hook: an image may be a checkpoint, which the engine then
// restores, and crun calls no hook at a restore.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "command/containerd/files.hpp"
#include "command/doctor/check.hpp"
#include "command/files.hpp"
#include "command/output.hpp"
#include "command/toml.hpp"

namespace socklid::command {
namespace {

constexpr const char* checkpoints_check = "checkpoints";

/// An engine that restores images, and how it is told not to.
struct Restorer {
  std::string_view engine;
  std::string_view setting;
};
constexpr std::array<Restorer, 2> restorers{{
    {"CRI-O", "enable_criu_support = false in CRI-O's [crio.runtime]"},
    {"containerd", "enable_criu = false for containerd's CRI"},
}};

std::string settings_of(const std::vector<std::string>& engines) {
  std::vector<std::string> settings;
  for (const auto& [engine, setting] : restorers) {
    if (std::find(engines.begin(), engines.end(), engine) != engines.end())
      settings.emplace_back(setting);
  }
  return joined(settings, " and ");
}

bool has_program(std::string_view name) {
  constexpr std::array<const char*, 6> directories{"/usr/local/sbin/", "/usr/local/bin/",
                                                   "/usr/sbin/",       "/usr/bin/",
                                                   "/usr/libexec/",    "/usr/libexec/crio/"};
  return std::any_of(directories.begin(), directories.end(), [&](const char* directory) {
    return ::access((directory + std::string(name)).c_str(), X_OK) == 0;
  });
}

/// Of all its files that can be read, imports too.
std::vector<std::string> texts_of_containerd() {
  std::vector<std::string> all;
  for (const std::string& config : containerd_files()) {
    auto texts = containerd_texts(config);
    if (texts) std::move(texts->begin(), texts->end(), std::back_inserter(all));
  }
  return all;
}

/// Whether a member called `key`, in `table` or deeper, is as wanted.
bool has_member(const TomlValue& table, std::string_view key, bool (*wanted)(const TomlValue&)) {
  return std::any_of(table.members.begin(), table.members.end(), [&](const auto& member) {
    const TomlValue& value = member.second;
    return (member.first == key && wanted(value)) || has_member(value, key, wanted);
  });
}

bool is_crun(const TomlValue& value) {
  return value.string == "crun" || value.string.ends_with("/crun");
}

bool is_off(const TomlValue& value) {
  return value.kind == TomlValue::Kind::boolean && !value.boolean;
}

}  // namespace

bool crio_restores(const std::vector<std::string>& files) {
  bool restores = true;
  for (const std::string& text : files) {
    const auto document = parse_toml(text);
    const TomlValue* value = document ? &*document : nullptr;
    for (const char* key : {"crio", "runtime", "enable_criu_support"}) {
      if (value != nullptr) value = value->find(key);
    }
    if (value != nullptr) restores = value->boolean;
  }
  return restores;
}

bool containerd_restores_by_crun(const std::vector<std::string>& files) {
  bool has_crun = false;
  bool off = false;
  for (const std::string& text : files) {
    const auto document = parse_toml(text);
    if (!document) continue;
    has_crun = has_crun || has_member(*document, "BinaryName", is_crun);
    off = off || has_member(*document, "enable_criu", is_off);
  }
  return has_crun && !off;
}

Check check_checkpoints(const Paths& /*paths*/) {
  if (!has_program("criu")) return passed(checkpoints_check, "no criu, which restores them");
  std::vector<std::string> engines;
  if (has_program("crun")) {
    // In the order in which CRI-O reads them (crio.conf.d(5)).
    const auto crio = texts_of({"/etc/crio/crio.conf"}, "/etc/crio/crio.conf.d");
    if (has_program("crio") && crio_restores(crio)) engines.emplace_back("CRI-O");
    if (containerd_restores_by_crun(texts_of_containerd())) engines.emplace_back("containerd");
  }
  return judge_checkpoints(engines);
}

Check judge_checkpoints(const std::vector<std::string>& engines) {
  if (engines.empty()) return passed(checkpoints_check, "no engine restores images by crun");
  return risky(checkpoints_check,
               joined(engines, " and ") +
                   " can restore an image that is a checkpoint, and crun calls no hook then: "
                   "such a container has no policy",
               "set " + settings_of(engines) + ", use runc, or take criu off the node");
}

}  // namespace socklid::command
