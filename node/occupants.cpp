// SPDX-License-Identifier: Apache-2.0
#include "node/occupants.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "base/text.hpp"
#include "node/engine.hpp"
#include "system/files.hpp"
#include "system/mountinfo.hpp"

namespace socklid {
namespace {

/// Names of the cgroups in `directory`. Most entries there are files; d_type says which.
Result<std::vector<std::string>> children_of(int directory) {
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return fail_errno(Exit::cgroup, "open cgroup");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(copy), ::closedir);
  if (!stream) {
    ::close(copy);
    return fail_errno(Exit::cgroup, "list cgroup");
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* const entry = ::readdir(stream.get())) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return fail_errno(Exit::cgroup, "list cgroup");
  return names;
}

/// Of a container's own making; each level costs a descriptor while we are below it.
constexpr int max_levels = 64;

/// Calls `ends` for each process in the cgroup and below until it returns true, and returns that.
Result<bool> visit_occupants(int directory, const std::function<bool(pid_t)>& ends, int level = 0) {
  if (level > max_levels) {
    return fail(Exit::cgroup, "cgroups are nested more than ", max_levels, " deep");
  }
  const std::string text = SL_TRY(read_file(directory, "cgroup.procs", Exit::cgroup));
  for (const std::string_view line : split(text, '\n')) {
    const auto pid = parse_number<pid_t>(line);
    if (pid && ends(*pid)) return true;
  }
  for (const std::string& name : SL_TRY(children_of(directory))) {
    const UniqueFd child(
        ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!child && errno == ENOENT) continue;
    if (!child) return fail_errno(Exit::cgroup, "open cgroup " + name);
    if (SL_TRY(visit_occupants(child.get(), ends, level + 1))) return true;
  }
  return false;
}

/// Whether `pid` is a child of `ancestor`, or further below it.
bool descends_from(pid_t pid, pid_t ancestor) {
  constexpr int generations = 64;  // of one runtime; ends a walk that others change under us
  for (int i = 0; pid > 1 && i < generations; ++i) {
    const auto stat = read_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/stat", Exit::process);
    const auto parent = stat ? parse_parent(*stat) : Result<pid_t>(pid_t{0});
    if (!parent) return false;
    if (*parent == ancestor) return true;
    pid = *parent;
  }
  return false;
}

}  // namespace

std::optional<NetnsRef> open_netns_of(pid_t pid, std::uint64_t netns) {
  if (pid <= 0) return std::nullopt;
  const std::string threads = "/proc/" + std::to_string(pid) + "/task";
  const UniqueFd directory(::open(threads.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return std::nullopt;
  const auto names = list_directory(directory.get());
  if (!names) return std::nullopt;
  for (const std::string& thread : *names) {
    const std::string path = thread + "/ns/net";
    if (netns_inode_at(directory.get(), path) != netns) continue;
    if (auto found = open_netns_if(directory.get(), path, netns)) return found;
  }
  return std::nullopt;
}

Result<std::optional<NetnsRef>> open_netns_of(const CgroupRef& cgroup, std::uint64_t netns) {
  std::optional<NetnsRef> found;
  const auto done = visit_occupants(cgroup.fd.get(), [&](pid_t pid) {
    found = open_netns_of(pid, netns);
    return found.has_value();
  });
  if (!done) return wrap("cgroup " + cgroup.path, done.error());
  return found;
}

Result<std::vector<pid_t>> occupants(const CgroupRef& cgroup) {
  std::vector<pid_t> all;
  const auto done = visit_occupants(cgroup.fd.get(), [&all](pid_t pid) {
    all.push_back(pid);
    return false;
  });
  if (!done) return wrap("cgroup " + cgroup.path, done.error());
  return all;
}

Result<> check_alone(const CgroupRef& cgroup, const ContainerProcess& process,
                     const ContainerState& container) {
  const pid_t runtime = container.status == "stopped" ? ::getppid() : 0;
  for (const pid_t pid : SL_TRY(occupants(cgroup))) {
    if (pid == process.pid()) continue;
    if (runtime > 1 && descends_from(pid, runtime)) continue;
    return fail(Exit::cgroup, "cgroup ", cgroup.path, " also holds process ", pid,
                ", which is not this container's first: give the container a cgroup that "
                "nobody else is in (linux.cgroupsPath in its config.json)");
  }
  return {};
}

bool is_shared_with(const CgroupMount& mount, const std::string& own, const std::string& id,
                    std::uint64_t netns) {
  if (!is_engine_id(id) || own.find(id) != std::string::npos) return false;
  const std::string beside = own.substr(0, own.rfind('/')) + "/libpod-" + id;
  for (const std::string& path : {beside + ".scope", beside}) {
    const auto cgroup = open_cgroup(mount, path);
    if (cgroup && open_netns_of(*cgroup, netns).value_or(std::nullopt)) return true;
  }
  return false;
}

}  // namespace socklid
