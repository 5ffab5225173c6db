// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/doctor/check.hpp"
#include "command/doctor/containers_conf.hpp"
#include "command/doctor/hooks_json.hpp"
#include "command/files.hpp"
#include "command/output.hpp"
#include "system/files.hpp"

namespace socklid::command {
namespace {

/// The texts of containers.conf in the order podman reads them.
std::vector<std::string> configuration() {
  return texts_of({"/usr/share/containers/containers.conf", "/etc/containers/containers.conf"},
                  "/etc/containers/containers.conf.d", ".conf");
}

std::vector<HooksFile> read_hooks(const std::vector<std::string>& directories) {
  std::vector<HooksFile> files;
  for (const std::string& directory : directories) {
    for (const std::string& name : names_in(directory, ".json")) {
      const std::string path = std::string(directory).append("/").append(name);
      auto text = read_file(AT_FDCWD, path, Exit::node);
      files.push_back({directory, name, text ? std::move(*text) : std::string()});
    }
  }
  return files;
}

/// podman leaves a hook whose program is missing out, without a word.
std::string problem_of(const std::string& program) {
  struct stat status {};
  if (::stat(program.c_str(), &status) != 0) return program + ": " + std::strerror(errno);
  if (!S_ISREG(status.st_mode)) return program + ": no regular file";
  if (::access(program.c_str(), X_OK) != 0) return program + ": not executable";
  return {};
}

}  // namespace

Check check_hooks_directories(const Paths& /*paths*/) {
  const char* const name = "hooks.d";
  const std::vector<std::string> directories = hooks_directories(configuration());
  const HooksFindings findings = judge_hooks(read_hooks(directories));
  std::vector<std::string> problems = findings.problems;
  for (const HookEntry& entry : findings.entries) {
    if (std::string problem = problem_of(entry.path); !problem.empty()) {
      problems.push_back(printable(problem));
    }
  }
  const std::string where = "podman reads " + printable(joined(directories, ", "));
  if (problems.empty()) return passed(name, where);
  return failed(name, joined(problems, "; ") + "; " + where,
                "install socklid's files there, or set hooks_dir in containers.conf(5)");
}

Check check_image_annotations(const Paths& /*paths*/) {
  return judge_podman_version(output_of("podman --version 2>/dev/null"));
}

Check judge_podman_version(std::string_view printed) {
  const char* const name = "image annotations";
  constexpr std::string_view prefix = "podman version ";
  if (!printed.starts_with(prefix)) return passed(name, "no podman");
  printed.remove_prefix(prefix.size());
  const auto major = take_number<unsigned>(printed);
  if (!major || printed.empty()) return passed(name, "podman of no known version");
  printed.remove_prefix(1);  // the dot
  const unsigned minor = take_number<unsigned>(printed).value_or(0);
  const std::string version = concat("podman ", *major, ".", minor);
  if (*major > 4 || (*major == 4 && minor >= 6)) return passed(name, version + " ignores them");
  return risky(
      name,
      version +
          " (before 4.6) takes annotations from images: whoever made an image can give its "
          "containers every io.socklid key that you do not give yourself, for instance "
          "io.socklid.families, which opens families, and io.socklid.seal, which puts the "
          "policy off",
      "update podman to 4.6 or later; until then run images that you trust, or give each "
      "of these keys yourself, for yours replaces the image's");
}

}  // namespace socklid::command
