// SPDX-License-Identifier: Apache-2.0
#include "command/containerd/files.hpp"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>

#include "command/containerd/config.hpp"
#include "command/containerd/toml.hpp"
#include "system/files.hpp"
#include "system/mountinfo.hpp"
#include "system/process.hpp"

namespace socklid::command {
namespace {

/// Besides containerd's own: k3s and rke2 (pkg/agent/config), microk8s and k0s by their manuals.
constexpr const char* usual_places[] = {"/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
                                        "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
                                        "/var/snap/microk8s/current/args/containerd.toml",
                                        "/etc/k0s/containerd.toml"};

/// Of what is no file, such as a pipe, the reader would wait for the writer.
bool is_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::vector<std::string> files_of_running() {
  std::vector<std::string> paths;
  const UniqueFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto names = proc ? list_directory(proc.get())
                          : Result<std::vector<std::string>>(std::vector<std::string>{});
  if (!names) return paths;
  for (const std::string& name : *names) {
    if (name.front() < '1' || name.front() > '9') continue;
    const auto comm = read_file(proc.get(), name + "/comm", Exit::process);
    if (!comm || *comm != "containerd\n" || !is_nodes_own("/proc", name)) continue;
    const auto line = read_file(proc.get(), name + "/cmdline", Exit::process);
    auto path = line ? config_argument(*line) : std::nullopt;
    if (path) paths.push_back(std::move(*path));
  }
  return paths;
}

/// Files that match, by name; imports are globs, relative ones to the directory of the file `from`.
std::vector<std::string> files_of(std::string pattern, const std::string& from) {
  if (!pattern.starts_with('/')) pattern.insert(0, from.substr(0, from.rfind('/') + 1));
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return paths;
}

}  // namespace

std::optional<std::string> config_argument(std::string_view command_line) {
  const std::vector<std::string_view> words = split(command_line, '\0');
  if (words.empty()) return std::nullopt;
  const std::string_view program = words.front().substr(words.front().rfind('/') + 1);
  if (program != "containerd") return std::nullopt;
  for (std::size_t i = 1; i < words.size(); ++i) {
    for (const std::string_view option : {"--config", "-config", "-c", "--c"}) {
      if (!words[i].starts_with(option)) continue;
      const std::string_view rest = words[i].substr(option.size());
      if (rest.starts_with('=')) return std::string(rest.substr(1));
      if (rest.empty() && i + 1 < words.size()) return std::string(words[i + 1]);
    }
  }
  return std::nullopt;
}

std::vector<std::string> containerd_files() {
  std::vector<std::string> found;
  const auto add = [&](const std::string& path) {
    const bool known = std::find(found.begin(), found.end(), path) != found.end();
    if (!known && path.starts_with('/') && is_file(path)) found.push_back(path);
  };
  add(ContainerdConfigOptions{}.config);
  for (const char* path : usual_places) add(path);
  for (const std::string& path : files_of_running()) add(path);
  return found;
}

Result<std::vector<std::string>> containerd_texts(const std::string& config) {
  std::vector<std::string> found;
  std::vector<std::string> paths = {config};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string path = paths[i];
    found.push_back(SL_TRY(read_file(AT_FDCWD, path, Exit::node)));
    for (const std::string& pattern : imports_of(found.back())) {
      for (std::string& more : files_of(pattern, path)) {
        const bool known = std::find(paths.begin(), paths.end(), more) != paths.end();
        if (!known) paths.push_back(std::move(more));
      }
    }
  }
  return found;
}

}  // namespace socklid::command
