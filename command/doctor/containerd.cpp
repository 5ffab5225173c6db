// SPDX-License-Identifier: Apache-2.0
//
// Which runtimes of containerd call the hook. A RuntimeClass names one of them, and a pod's author
// the RuntimeClass: one without the hook is a way to have no policy.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "command/containerd/config.hpp"
#include "command/containerd/files.hpp"
#include "command/containerd/spec.hpp"
#include "command/containerd/toml.hpp"
#include "command/doctor/check.hpp"
#include "command/output.hpp"
#include "system/files.hpp"

namespace socklid::command {
namespace {

constexpr const char* containerd_check = "containerd";

std::string usual_config() {
  return ContainerdConfigOptions{}.config;
}

std::string what_lacks(const RuntimeSettings& runtime) {
  if (runtime.spec.empty()) return "no base_runtime_spec with the hook";
  const auto spec = read_file(AT_FDCWD, runtime.spec, Exit::node);
  if (!spec) return spec.error().message;
  if (!calls_hook(*spec)) return runtime.spec + " has no hook of socklid's";
  return passes_annotations(runtime) ? ""
                                     : "pod_annotations without io.socklid.* and io.socklid.*/*";
}

Result<> add_runtimes(const std::string& config, std::vector<ContainerdRuntime>& all) {
  const std::vector<std::string> files = SL_TRY(containerd_texts(config));
  for (const RuntimeSettings& one : SL_TRY(runtimes_in_all(files))) {
    all.push_back({one.runtime, what_lacks(one), config});
  }
  return {};
}

}  // namespace

Check check_containerd(const Paths& /*paths*/) {
  const std::vector<std::string> configs = containerd_files();
  if (configs.empty()) {
    const bool there = ::access("/usr/bin/containerd", X_OK) == 0 ||
                       ::access("/usr/local/bin/containerd", X_OK) == 0;
    if (!there) return passed(containerd_check, "no containerd");
    return judge_containerd({{"runc", "no base_runtime_spec with the hook", usual_config()}});
  }
  std::vector<ContainerdRuntime> runtimes;
  for (const std::string& config : configs) {
    if (const auto added = add_runtimes(config, runtimes); !added) {
      return risky(containerd_check,
                   printable(config) +
                       ": cannot tell which runtimes call the hook: " + added.error().message,
                   "see docs/containerd.md");
    }
  }
  return judge_containerd(runtimes);
}

Check judge_containerd(const std::vector<ContainerdRuntime>& runtimes) {
  std::vector<std::string> with;
  std::vector<std::string> without;
  std::vector<std::string> commands;
  for (const ContainerdRuntime& one : runtimes) {
    const bool usual = one.config == usual_config();
    const std::string runtime = printable(one.name);
    const std::string name = usual ? runtime : runtime + " in " + printable(one.config);
    if (one.lacks.empty()) {
      with.push_back(name);
    } else {
      without.push_back(name + " (" + printable(one.lacks) + ")");
      commands.push_back("socklid containerd-config --runtime " + runtime +
                         (usual ? "" : " --config " + printable(one.config)) + " --write");
    }
  }
  const std::string called =
      "called by " + (with.empty() ? "none of its runtimes" : joined(with, ", "));
  if (without.empty()) return passed(containerd_check, called);
  return risky(containerd_check,
               called + "; not by " + joined(without, ", ") +
                   ": a pod whose RuntimeClass names such a runtime has no policy",
               "if pods run by it: " + joined(commands, ", ") +
                   ", or forbid its RuntimeClass (deploy/admission.yaml)");
}

}  // namespace socklid::command
