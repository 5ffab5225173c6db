// SPDX-License-Identifier: Apache-2.0
#include "node/limits.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "system/files.hpp"
#include "system/log.hpp"

namespace socklid {
namespace {

constexpr unsigned default_weight = 100;

bool is_below_default(std::string_view weight) {
  const auto number = parse_number<unsigned>(weight);
  return number && *number < default_weight;
}

/// "max" or "max 100000".
bool is_a_limit(std::string_view limit) {
  return !limit.empty() && !limit.starts_with("max");
}

bool limits(const std::string& cgroup) {
  const auto value_of = [&cgroup](const char* name) {
    const auto text = read_file(AT_FDCWD, cgroup + "/" + name, Exit::cgroup);
    return text ? std::string(trimmed(*text)) : std::string();
  };
  constexpr std::array<const char*, 3> files = {"cpu.max", "memory.max", "memory.high"};
  for (const char* name : files) {
    if (is_a_limit(value_of(name))) return true;
  }
  return is_below_default(value_of("cpu.weight"));
}

}  // namespace

bool is_limited(const CgroupMount& mount, std::string_view path) {
  while (path.size() > 1 && path != mount.root) {
    const auto directory = path_below(mount, path);
    if (!directory) return false;
    if (limits(*directory)) return true;
    path = path.substr(0, path.rfind('/'));
  }
  return false;
}

Result<> move_to_root(const std::string& point) {
  const std::string path = point + "/cgroup.procs";
  const UniqueFd procs(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs) return fail_errno(Exit::cgroup, "open " + path);
  if (::write(procs.get(), "0", 1) != 1) return fail_errno(Exit::cgroup, "write to " + path);
  return {};
}

void leave_limits(const CgroupMount& mount) {
  const auto text = read_file(AT_FDCWD, "/proc/self/cgroup", Exit::cgroup);
  const auto path = text ? parse_unified_path(*text) : Result<std::string>(Failure(text.error()));
  if (!path || !is_limited(mount, *path)) return;
  if (const auto moved = move_to_root(mount.point); !moved) {
    log_warning("other containers' starts may have to wait for the limits of the cgroup " + *path +
                ": " + moved.error().message);
  }
}

}  // namespace socklid
