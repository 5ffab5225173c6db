// SPDX-License-Identifier: Apache-2.0
#include "node/inhabitants.hpp"

#include <fcntl.h>
#include <sys/stat.h>

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

bool has_a_container(const CgroupMount& where, const std::vector<std::uint64_t>& known,
                     const std::vector<pid_t>& processes) {
  return std::any_of(processes.begin(), processes.end(), [&](pid_t pid) {
    const auto text =
        read_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/cgroup", Exit::process);
    if (!text) return false;
    const auto path = parse_unified_path(*text);
    return path && (bears_engine_id(*path) || is_known(where, known, *path));
  });
}

}  // namespace socklid
