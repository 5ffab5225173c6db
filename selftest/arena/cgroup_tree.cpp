// SPDX-License-Identifier: Apache-2.0
#include "selftest/arena/cgroup_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "base/text.hpp"
#include "system/files.hpp"

namespace socklid::selftest {
namespace {

constexpr int patience_ms = 10'000;

/// Names of the cgroups directly below.
std::vector<std::string> children(const std::string& path) {
  std::vector<std::string> names;
  DIR* const directory = ::opendir(path.c_str());
  if (directory == nullptr) return names;
  while (const dirent* const entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(directory);
  return names;
}

Result<std::vector<pid_t>> processes(const std::string& path) {
  const std::string text = SL_TRY(read_file(AT_FDCWD, path + "/cgroup.procs", Exit::cgroup));
  std::vector<pid_t> found;
  for (const std::string_view line : split(text, '\n')) {
    if (const auto pid = parse_number<pid_t>(line)) found.push_back(*pid);
  }
  return found;
}

Result<> end(pid_t pid) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return {};  // gone already
  ::kill(pid, SIGKILL);
  pollfd entry{process.get(), POLLIN, 0};
  if (::poll(&entry, 1, patience_ms) != 1) {
    return fail(Exit::cgroup, "process ", pid, " does not end");
  }
  (void)::waitpid(pid, nullptr, WNOHANG);  // ours, if its parent has left it to us
  return {};
}

}  // namespace

UniqueFd open_directory(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Result<> make_cgroup(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) return {};
  return fail_errno(Exit::cgroup, "make the cgroup " + path);
}

Result<UniqueFd> open_procs(const std::string& path) {
  UniqueFd file(::open((path + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return fail_errno(Exit::cgroup, "open " + path + "/cgroup.procs");
  return file;
}

Result<> empty_cgroup(const std::string& path, pid_t keep) {
  if (::access(path.c_str(), F_OK) != 0) return {};
  for (const std::string& name : children(path)) SL_CHECK(empty_cgroup(path + "/" + name, keep));
  // What is ended may have made another meanwhile: until a look finds none.
  for (bool found = true; found;) {
    found = false;
    for (const pid_t pid : SL_TRY(processes(path))) {
      if (pid == keep) continue;
      found = true;
      SL_CHECK(end(pid));
    }
  }
  return {};
}

Result<> remove_cgroup(const std::string& path, bool keep_top) {
  for (const std::string& name : children(path)) SL_CHECK(remove_cgroup(path + "/" + name));
  if (keep_top || ::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail_errno(Exit::cgroup, "remove the cgroup " + path);
}

}  // namespace socklid::selftest
