// SPDX-License-Identifier: Apache-2.0
#include "node/inhabitants.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/text.hpp"
#include "node/engine.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

constexpr std::size_t id_length = 64;

/// Whether the cgroup, or one above it, is among `known`: an id is the inode of the directory
/// (kernfs, on 64-bit machines).
bool is_known(const CgroupMount& where, const std::vector<std::uint64_t>& known, std::string path) {
  while (!known.empty() && path.size() > 1) {
    struct stat status {};
    if (contains(where.root, path)) {
      const std::string below = where.root == "/" ? path : path.substr(where.root.size());
      if (::stat((where.point + below).c_str(), &status) == 0 &&
          std::find(known.begin(), known.end(), status.st_ino) != known.end()) {
        return true;
      }
    }
    path.resize(std::max<std::size_t>(path.rfind('/'), 0));
  }
  return false;
}

}  // namespace

bool bears_engine_id(std::string_view cgroup) {
  constexpr std::string_view scope = ".scope";
  for (std::string_view part : split(cgroup, '/')) {
    if (part.ends_with(scope)) part.remove_suffix(scope.size());
    if (part.size() < id_length || !is_engine_id(part.substr(part.size() - id_length))) continue;
    part.remove_suffix(id_length);
    if (part.empty() || part.ends_with('-') || part.ends_with(':')) return true;
  }
  return false;
}

std::optional<bool> has_a_container(const CgroupMount& where,
                                    const std::vector<std::uint64_t>& known,
                                    const std::vector<pid_t>& processes) {
  bool any_ended = false;
  for (const pid_t pid : processes) {
    const std::string directory = "/proc/" + std::to_string(pid);
    const auto text = read_file(AT_FDCWD, directory + "/cgroup", Exit::process);
    if (!text && ::access(directory.c_str(), F_OK) != 0) {
      any_ended = true;
      continue;
    }
    const auto path = text ? parse_unified_path(*text) : Result<std::string>(Failure(text.error()));
    if (!path || bears_engine_id(*path) || is_known(where, known, *path)) return true;
  }
  return any_ended ? std::nullopt : std::optional(false);
}

}  // namespace socklid
