// SPDX-License-Identifier: Apache-2.0
#include "command/running/runtime_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "base/json_members.hpp"
#include "base/text.hpp"
#include "system/files.hpp"

namespace socklid::command {
namespace {

/// Nothing if there is no such file, or no longer.
Result<std::optional<std::string>> read_present(const std::string& path) {
  auto text = read_file(AT_FDCWD, path, Exit::node, large_file_limit);
  if (text) return std::move(*text);
  if (::access(path.c_str(), F_OK) != 0) return std::nullopt;
  return Failure(text.error());
}

/// A file as far as it is ours to know: the annotations of ours and of engines that lie beside what
/// an image or a pod's author may write. Of a name that comes twice the last one counts, as for
/// those who read these files for their work.
struct Members {
  std::map<std::string, std::int64_t> numbers;  ///< at the top
  std::map<std::string, std::string> texts;     ///< at the top
  annotations::Annotations annotations;         ///< of config.json, or labels of runc's state
};

/// A value of a key of ours that is no text asks for something nobody can grant: it is kept as the
/// text that is no value of any key.
void add_annotation(Members& members, const std::string& key, std::string_view token) {
  auto value = json::parse_string(token);
  if (!value && !annotations::concerns_us(key)) return;
  members.annotations.insert_or_assign(key, value.value_or("\x7f"));
}

/// runc keeps annotations as labels "KEY=VALUE" (libcontainer/specconv: CreateLibcontainerConfig).
void add_label(Members& members, std::string_view token) {
  const auto text = json::parse_string(token);
  if (text) {
    const std::size_t equals = text->find('=');
    if (equals == std::string::npos) return;
    members.annotations.insert_or_assign(text->substr(0, equals), text->substr(equals + 1));
    return;
  }
  // What is no text may still be a label of ours, whose name comes first.
  const std::size_t equals = std::min(token.find('='), token.size());
  const auto key = json::parse_string(std::string(token.substr(0, equals)) + "\"");
  if (key && annotations::concerns_us(*key)) {
    members.annotations.insert_or_assign(*key, "\x7f");
  }
}

void add_member(Members& members, const json::Path& path, std::string_view token) {
  if (path.size() == 1) {
    if (const auto number = json::parse_integer(token)) members.numbers[path[0]] = *number;
    if (auto text = json::parse_string(token)) members.texts[path[0]] = std::move(*text);
  } else if (path.size() == 2 && path[0] == "annotations") {
    add_annotation(members, path[1], token);
  } else if (path.size() == 3 && path[0] == "config" && path[1] == "labels") {
    add_label(members, token);
  }
}

Result<std::optional<Members>> read_members(const std::string& path) {
  const auto text = SL_TRY(read_present(path));
  if (!text) return std::nullopt;
  Members members;
  const auto done = json::for_each_member(
      *text, 3,
      [&](const json::Path& at, std::string_view token) { add_member(members, at, token); });
  if (!done) return wrap(path, done.error());
  return members;
}

/// Where the state of a container says its bundle is, below `root`.
void add_bundle(RuntimeAnswer& answer, const std::string& root, const Members& state) {
  const auto bundle = state.texts.find("bundle");
  if (bundle != state.texts.end()) answer.configs.push_back(root + bundle->second + "/config.json");
}

std::int64_t number_in(const Members& state, const std::string& member) {
  const auto found = state.numbers.find(member);
  return found == state.numbers.end() ? 0 : std::max(found->second, std::int64_t{0});
}

RuntimeAnswer begin(const Members& state, const std::string& pid, const std::string& start_time) {
  const std::int64_t number = number_in(state, pid);
  RuntimeAnswer result;
  if (number <= std::numeric_limits<pid_t>::max()) result.pid = static_cast<pid_t>(number);
  result.start_time = static_cast<std::uint64_t>(number_in(state, start_time));
  return result;
}

/// crun's copy of config.json lies beside its status (libcrun_copy_config_file); the bundle may
/// be gone by now.
RuntimeAnswer from_crun(const std::string& root, const std::string& directory,
                        const Members& status) {
  RuntimeAnswer result = begin(status, "pid", "process-start-time");
  result.configs = {directory + "/config.json"};
  add_bundle(result, root, status);
  return result;
}

RuntimeAnswer from_runc(Members state) {
  RuntimeAnswer result = begin(state, "init_process_pid", "init_process_start");
  result.annotations = std::move(state.annotations);
  return result;
}

RuntimeAnswer from_youki(const std::string& root, const Members& state) {
  RuntimeAnswer result = begin(state, "pid", "");
  add_bundle(result, root, state);
  return result;
}

}  // namespace

MaybeAnswer read_state_directory(const std::string& root, const std::string& directory) {
  if (const auto status = SL_TRY(read_members(directory + "/status"))) {
    return from_crun(root, directory, *status);
  }
  auto state = SL_TRY(read_members(directory + "/state.json"));
  if (!state) return std::nullopt;
  if (state->numbers.contains("init_process_pid")) return from_runc(std::move(*state));
  return from_youki(root, *state);
}

MaybeAnswer read_bundle(const std::string& config, const std::string& pid_file) {
  const auto text = SL_TRY(read_present(pid_file));
  if (!text || ::access(config.c_str(), F_OK) != 0) return std::nullopt;
  RuntimeAnswer result;
  result.pid = parse_number<pid_t>(trimmed(*text)).value_or(0);
  result.configs = {config};
  return result;
}

Result<annotations::Annotations> annotations_of(const RuntimeAnswer& answer) {
  if (answer.configs.empty()) return answer.annotations;
  for (const std::string& path : answer.configs) {
    if (auto config = SL_TRY(read_members(path))) return std::move(config->annotations);
  }
  return fail(Exit::node, answer.configs.back(), " is not there");
}

}  // namespace socklid::command
