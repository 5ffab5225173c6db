// SPDX-License-Identifier: Apache-2.0
//
// Which directory is the container's root.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/json.hpp"
#include "node/files/tree.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

/// A runtime's configuration holds seccomp rules and all annotations.
constexpr std::size_t config_limit = std::size_t{16} * 1024 * 1024;

Result<std::string> root_by_config(const std::string& bundle) {
  const std::string path = bundle + "/config.json";
  const std::string text = SL_TRY(read_file(AT_FDCWD, path, Exit::state, config_limit));
  const json::Value config = SL_TRY(json::parse(text));
  const json::Value* const root = config.find("root");
  const json::Value* const where = root == nullptr ? nullptr : root->find("path");
  if (where == nullptr || !where->is_string() || where->string().empty()) {
    return fail(Exit::state, path, " names no root.path");
  }
  const std::string& named = where->string();
  return named.front() == '/' ? named : bundle + "/" + named;
}

/// `path` as the process sees it, links and all.
UniqueFd open_in(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how))));
}

}  // namespace

std::optional<std::string> root_by_proc(const std::vector<Mount>& mounts) {
  constexpr std::string_view proc = "/proc";
  std::optional<std::string> root;
  for (const Mount& mount : mounts) {
    if (mount.type != "proc" || mount.root != "/" || mount.point == proc) continue;
    if (!mount.point.ends_with(proc)) continue;
    root = mount.point.substr(0, mount.point.size() - proc.size());
  }
  return root;
}

Result<ContainerTree> ContainerTree::open(const ContainerProcess& process,
                                          const std::string& bundle) {
  const std::string table =
      SL_TRY(read_file(process.directory(), "mountinfo", Exit::process, mountinfo_limit));
  std::vector<Mount> mounts = parse_mountinfo(table);
  std::string path;
  if (bundle.empty() || bundle == "/") {
    const auto found = root_by_proc(mounts);
    if (!found) {
      return fail(Exit::unsupported,
                  "the runtime names no bundle, and the container has no /proc by which its root "
                  "is found: subjects and io.socklid.readonly need one of them");
    }
    path = *found;
  } else {
    path = SL_TRY(root_by_config(bundle));
  }
  const UniqueFd outer(::openat(process.directory(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!outer) return fail_errno(Exit::process, "open the root of the container's process");
  UniqueFd root = open_in(outer.get(), path);
  if (!root) return fail_errno(Exit::process, "open the container's root " + quote(path, 200));
  ContainerTree tree = SL_TRY(of(std::move(root), std::move(mounts)));
  tree.may_be_shared_ = false;
  return tree;
}

}  // namespace socklid
