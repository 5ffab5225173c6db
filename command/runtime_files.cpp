// SPDX-License-Identifier: Apache-2.0
#include "command/runtime_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/json.hpp"
#include "hook/files.hpp"

namespace socklid::command {
namespace {

/// Nothing if there is no such file, or no longer.
Result<std::optional<std::string>> read_present(const std::string& path) {
  auto text = read_file(AT_FDCWD, path, Exit::node);
  if (text) return std::move(*text);
  if (::access(path.c_str(), F_OK) != 0) return std::nullopt;
  return tl::unexpected<Error>(text.error());
}

/// Where the state of a container says its bundle is, below `root`.
void add_bundle(Told& told, const std::string& root, const json::Value& state) {
  if (const auto bundle = state.find_string("bundle")) {
    told.configs.push_back(root + *bundle + "/config.json");
  }
}

Result<std::optional<json::Value>> read_json(const std::string& path) {
  const auto text = SL_TRY(read_present(path));
  if (!text) return std::nullopt;
  auto value = json::parse(*text);
  if (!value) return wrap(path, value.error());
  return std::move(*value);
}

std::int64_t number_in(const json::Value& state, std::string_view member) {
  return std::max(state.find_integer(member).value_or(0), std::int64_t{0});
}

Told begin(const json::Value& state, std::string_view pid, std::string_view start_time) {
  const std::int64_t number = number_in(state, pid);
  Told result;
  if (number <= std::numeric_limits<pid_t>::max()) result.pid = static_cast<pid_t>(number);
  result.start_time = static_cast<std::uint64_t>(number_in(state, start_time));
  return result;
}

/// crun's copy of config.json lies beside its status (libcrun_copy_config_file); the bundle may
/// be gone by now.
Told from_crun(const std::string& root, const std::string& directory, const json::Value& status) {
  Told result = begin(status, "pid", "process-start-time");
  result.configs = {directory + "/config.json"};
  add_bundle(result, root, status);
  return result;
}

/// runc keeps annotations as labels "KEY=VALUE" (libcontainer/specconv: CreateLibcontainerConfig).
Told from_runc(const json::Value& state) {
  Told result = begin(state, "init_process_pid", "init_process_start");
  const json::Value* const config = state.find("config");
  const json::Value* const labels = config == nullptr ? nullptr : config->find("labels");
  if (labels == nullptr || !labels->is_array()) return result;
  for (const json::Value& label : labels->array()) {
    if (!label.is_string()) continue;
    const std::string& text = label.string();
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) continue;
    result.annotations.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

Told from_youki(const std::string& root, const json::Value& state) {
  Told result = begin(state, "pid", "");
  add_bundle(result, root, state);
  return result;
}

}  // namespace

MaybeTold read_state_directory(const std::string& root, const std::string& directory) {
  if (const auto status = SL_TRY(read_json(directory + "/status"))) {
    return from_crun(root, directory, *status);
  }
  const auto state = SL_TRY(read_json(directory + "/state.json"));
  if (!state) return std::nullopt;
  if (state->find("init_process_pid") != nullptr) return from_runc(*state);
  return from_youki(root, *state);
}

MaybeTold read_bundle(const std::string& config, const std::string& pid_file) {
  const auto text = SL_TRY(read_present(pid_file));
  if (!text || ::access(config.c_str(), F_OK) != 0) return std::nullopt;
  Told result;
  (void)std::from_chars(text->data(), text->data() + text->size(), result.pid);
  result.configs = {config};
  return result;
}

Result<annotations::Annotations> annotations_of(const Told& told) {
  if (told.configs.empty()) return told.annotations;
  for (const std::string& path : told.configs) {
    const auto config = SL_TRY(read_json(path));
    if (!config) continue;
    annotations::Annotations all;
    const json::Value* const object = config->find("annotations");
    if (object == nullptr || !object->is_object()) return all;
    for (const auto& [key, value] : object->object()) {
      if (value.is_string()) all.emplace(key, value.string());
    }
    return all;
  }
  return fail(Exit::node, told.configs.back() + " is not there");
}

}  // namespace socklid::command
