// SPDX-License-Identifier: Apache-2.0
//
// Whether containers' roots are such that subjects and protected files can be known there.
#include <dirent.h>
#include <fcntl.h>

#include <memory>

#include "command/doctor/check.hpp"
#include "command/output.hpp"
#include "node/files/tree.hpp"
#include "system/files.hpp"

namespace socklid::command {
namespace {

constexpr const char* storage_name = "overlays";
/// Those of one store are alike.
constexpr std::size_t looked_at = 16;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// Some directory in `point`; empty if there is none.
std::string some_directory(const std::string& point) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(point.c_str()));
  while (const dirent* const entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") return name;
  }
  return {};
}

/// What cannot be looked at is nothing to warn of.
bool is_unstable(const Mount& overlay, const std::vector<Mount>& mounts) {
  const std::string name = some_directory(overlay.point);
  UniqueFd root(::open(overlay.point.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (name.empty() || !root) return false;
  const auto tree = ContainerTree::of(std::move(root), mounts);
  if (!tree) return false;
  const auto found = tree->find("/" + name);
  return !found && found.error().exit == Exit::unsupported;
}

}  // namespace

Check judge_overlays(std::size_t count, const std::vector<std::string>& unstable) {
  if (unstable.empty()) {
    return passed(storage_name, count == 0 ? "none is mounted"
                                           : concat("directories keep their numbers on the ", count,
                                                    " that were looked at"));
  }
  return risky(storage_name,
               "directories have no lasting numbers on " + joined(unstable, ", ") +
                   ": containers there are refused io.socklid.subject and io.socklid.readonly",
               "mount them with xino=on (storage.conf: mountopt), or keep the image store on one "
               "file system");
}

Check check_overlays(const Paths& /*paths*/) {
  const auto text = read_file(AT_FDCWD, "/proc/self/mountinfo", Exit::node, mountinfo_limit);
  if (!text) return failed(storage_name, text.error().message, "mount proc on /proc");
  const std::vector<Mount> mounts = parse_mountinfo(*text);
  std::size_t count = 0;
  std::vector<std::string> unstable;
  for (const Mount& mount : mounts) {
    if (mount.type != "overlay" || mount.point == "/" || count == looked_at) continue;
    ++count;
    if (is_unstable(mount, mounts)) unstable.push_back(printable(mount.point));
  }
  return judge_overlays(count, unstable);
}

}  // namespace socklid::command
