// SPDX-License-Identifier: Apache-2.0
//
// Which runtimes of containerd call the hook. A RuntimeClass names one of them, and a pod's author
// the RuntimeClass: one without the hook is a way to have no policy.
#include <fcntl.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>

#include "command/check.hpp"
#include "command/containerd_spec.hpp"
#include "command/containerd_toml.hpp"
#include "command/output.hpp"
#include "hook/files.hpp"

namespace socklid::command {
namespace {

constexpr const char* check_name = "containerd";
constexpr const char* config_path = "/etc/containerd/config.toml";

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

/// The configuration's files, in the order in which containerd reads them; imports may import.
Result<std::vector<std::string>> texts() {
  std::vector<std::string> found;
  std::vector<std::string> paths = {config_path};
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

std::string what_lacks(const RuntimeSettings& runtime) {
  if (runtime.spec.empty()) return "no base_runtime_spec with the hook";
  const auto spec = read_file(AT_FDCWD, runtime.spec, Exit::node);
  if (!spec) return spec.error().message;
  if (!calls_hook(*spec)) return runtime.spec + " has no hook of socklid's";
  return passes_annotations(runtime) ? ""
                                     : "pod_annotations without io.socklid.* and io.socklid.*/*";
}

}  // namespace

Check check_containerd(const Paths& /*paths*/) {
  if (::access(config_path, F_OK) != 0) {
    const bool there = ::access("/usr/bin/containerd", X_OK) == 0 ||
                       ::access("/usr/local/bin/containerd", X_OK) == 0;
    if (!there) return passed(check_name, "no containerd");
    return judge_containerd({{"runc", "no base_runtime_spec with the hook"}});
  }
  const auto files = texts();
  const auto settings = files ? runtimes_in_all(*files)
                              : Result<std::vector<RuntimeSettings>>(Failure(files.error()));
  if (!settings) {
    return risky(check_name,
                 "cannot tell which runtimes call the hook: " + settings.error().message,
                 "see docs/containerd.md");
  }
  std::vector<ContainerdRuntime> runtimes;
  for (const RuntimeSettings& one : *settings) runtimes.push_back({one.runtime, what_lacks(one)});
  return judge_containerd(runtimes);
}

Check judge_containerd(const std::vector<ContainerdRuntime>& runtimes) {
  std::vector<std::string> with;
  std::vector<std::string> without;
  std::vector<std::string> commands;
  for (const ContainerdRuntime& one : runtimes) {
    const std::string name = printable(one.name);
    if (one.lacks.empty()) {
      with.push_back(name);
    } else {
      without.push_back(name + " (" + printable(one.lacks) + ")");
      commands.push_back("socklid containerd-config --runtime " + name + " --write");
    }
  }
  const std::string called =
      "called by " + (with.empty() ? "none of its runtimes" : joined(with, ", "));
  if (without.empty()) return passed(check_name, called);
  return risky(check_name,
               called + "; not by " + joined(without, ", ") +
                   ": a pod whose RuntimeClass names such a runtime has no policy",
               "if pods run by it: " + joined(commands, ", ") +
                   ", or forbid its RuntimeClass (deploy/admission.yaml)");
}

}  // namespace socklid::command
