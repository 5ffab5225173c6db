// SPDX-License-Identifier: Apache-2.0
#include "command/running/nspawn.hpp"

#include <fcntl.h>

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/text.hpp"
#include "command/files.hpp"
#include "system/files.hpp"
#include "system/process.hpp"

namespace socklid::command {
namespace {

/// The value of an option that is written as `NAME=VALUE`, `NAME VALUE` or, if it is short,
/// `NAMEVALUE`.
std::optional<std::string> option(const std::vector<std::string_view>& words,
                                  std::string_view name) {
  const bool is_short = !name.starts_with("--");
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (word == name && i + 1 < words.size()) return std::string(words[i + 1]);
    if (!word.starts_with(name) || word.size() == name.size()) continue;
    word.remove_prefix(name.size());
    if (is_short) return std::string(word);
    if (word.front() == '=') return std::string(word.substr(1));
  }
  return std::nullopt;
}

/// By its file, whose path has more behind it when an upgrade has put another one there. The link
/// alone is read (proc_pid_exe(5)).
bool is_nspawn(const std::string& root, const std::string& pid) {
  std::error_code error;
  const std::string link = root + "/proc/" + pid + "/exe";
  const std::string path = std::filesystem::read_symlink(link, error).string();
  const std::string wanted = root + "/usr/bin/systemd-nspawn";
  return path == wanted || path == wanted + " (deleted)";
}

/// proc_pid_task(5), `children`: numbers with a space behind each. 0: none.
pid_t first_child(const std::string& directory, const std::string& pid) {
  const auto text = read_file(AT_FDCWD, directory + "/task/" + pid + "/children", Exit::process);
  if (!text) return 0;
  return parse_number<pid_t>(text->substr(0, text->find(' '))).value_or(0);
}

std::optional<NspawnContainer> look_at(const std::string& root, const std::string& pid) {
  const std::string directory = root + "/proc/" + pid;
  const auto line = read_file(AT_FDCWD, directory + "/cmdline", Exit::process);
  if (!line) return std::nullopt;
  const std::vector<std::string_view> words = split(*line, '\0');
  const auto bundle = option(words, "--oci-bundle");
  if (!bundle) return std::nullopt;
  std::error_code error;
  std::filesystem::path path = *bundle;
  if (path.is_relative()) path = std::filesystem::read_symlink(directory + "/cwd", error) / path;
  path = path.lexically_normal();
  NspawnContainer found;
  found.bundle = path.string();
  if (found.bundle.ends_with('/')) found.bundle.pop_back();
  auto machine = option(words, "--machine");
  if (!machine) machine = option(words, "-M");
  found.machine = machine.value_or(std::filesystem::path(found.bundle).filename().string());
  found.answer.pid = first_child(directory, pid);
  const auto stat = read_file(
      AT_FDCWD, root + "/proc/" + std::to_string(found.answer.pid) + "/stat", Exit::process);
  if (!stat) return std::nullopt;
  found.answer.start_time = parse_start_time(*stat).value_or(0);
  found.answer.configs = {root + found.bundle + "/config.json"};
  return found;
}

}  // namespace

std::vector<NspawnContainer> nspawn_containers(const std::string& root) {
  std::vector<NspawnContainer> found;
  for (const std::string& pid : names_in(root + "/proc")) {
    if (!parse_number<pid_t>(pid)) continue;
    // Its stand-in for a first process (--as-pid2) is a copy of it, with the container's mounts.
    if (!is_nspawn(root, pid) || !is_nodes_own(root + "/proc", pid)) continue;
    if (auto one = look_at(root, pid)) found.push_back(std::move(*one));
  }
  return found;
}

}  // namespace socklid::command
