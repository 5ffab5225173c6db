// SPDX-License-Identifier: Apache-2.0
//
// ContainerTree: the files of a container before its first program runs, seen from outside. A path
// is gone through as the kernel would inside, component by component, and every step is known by
// its number (D20a). Nothing is opened but as O_PATH, so that no pipe, device or automount answers;
// links are read and never followed by the kernel.
//
//   const ContainerTree tree = SL_TRY(ContainerTree::open(process, state.bundle));
//   if (const auto found = SL_TRY(tree.find("/usr/sbin/sshd"))) use(found->number);
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "node/files/looked_up.hpp"
#include "system/mountinfo.hpp"
#include "system/process.hpp"

namespace socklid {

inline constexpr std::size_t max_links = 40;         ///< MAXSYMLINKS, include/linux/namei.h
inline constexpr std::size_t max_depth = 100;        ///< the programs go up 128 directories
inline constexpr std::size_t max_steps = 4096;       ///< components of one path, links included
inline constexpr std::size_t max_siblings = 262144;  ///< in a directory that is read for a number

/// Where a path leads.
struct FoundFile {
  FileNumber number;
  mode_t mode{0};  ///< as stat(2)
  /// Directories and links gone through, and what lies under mount points, the file's own too.
  std::vector<FileNumber> passed;
  /// Directories that it lies in, from the root on; with those under mount points.
  std::vector<FileNumber> above;
  std::string place;       ///< without links: "/usr/bin/busybox"; "/" for the root
  std::string name;        ///< its name there; empty for the root
  std::uint64_t mount{0};  ///< id
  bool is_mounted{false};  ///< it is a mount point: its name inside its file system is not known
};

class ContainerTree {
 public:
  /// The root that the runtime is about to give to the container: root.path of BUNDLE/config.json
  /// in the mount namespace of `process`. crun in a user namespace names "/" as the bundle: there
  /// it is where the last `proc` lies. Errors: Exit::unsupported if there is no telling.
  /// What find() meets on a mount with peers is an error too: who mounts over a peer, in whatever
  /// namespace, mounts there as well.
  [[nodiscard]] static Result<ContainerTree> open(const ContainerProcess& process,
                                                  const std::string& bundle);
  /// A directory as a root, with the mounts around it.
  [[nodiscard]] static Result<ContainerTree> of(UniqueFd root, std::vector<Mount> mounts);

  /// Nothing if there is no such file. Errors (Exit::unsupported, naming what of the path): too
  /// many links or steps, too deep, a link within procfs, a file system whose files' numbers
  /// change (see below). Exit::process for what the kernel refuses.
  ///
  /// A file system is taken at its name's word: vfat makes up a number each time it reads a file,
  /// and who serves a fuse decides. The root of a mount is the same for as long as that lasts.
  ///
  /// On an overlay of several file systems without xino a directory has a new number each time the
  /// kernel has forgotten it (Documentation/filesystems/overlayfs.rst, "Inode properties"): what
  /// readdir(3) calls it is another number than what it is known by, and a file's st_dev is not
  /// the mount's.
  [[nodiscard]] Result<std::optional<FoundFile>> find(std::string_view path) const;

  struct Below {
    std::string place;  ///< in the container: "/data"
    std::uint64_t mount{0};
    std::string type;
  };
  /// Mounts below the root, in the order of the mount table.
  [[nodiscard]] std::vector<Below> mounts() const;

 private:
  struct Level;
  struct Walk;
  struct Step;
  ContainerTree() = default;
  [[nodiscard]] Result<const Mount*> mount_of(std::uint64_t id) const;
  [[nodiscard]] Result<Step> look(int fd) const;
  [[nodiscard]] static FoundFile end_of(Walk walk);
  [[nodiscard]] Result<bool> take(Walk& walk, const std::string& name) const;
  [[nodiscard]] Result<> enter_link(Walk& walk, const Step& link) const;
  [[nodiscard]] Result<> check_stable(const Walk& walk, const Step& step,
                                      const std::string& name) const;

  UniqueFd root_;
  std::string point_;  ///< the root, as mountinfo has mount points
  std::vector<Mount> mounts_;
  bool may_be_shared_{true};
};

/// Where the container's root is, by the mounts of its process: what lies above the last `proc`
/// that is not /proc. Nothing if there is none. Pure.
[[nodiscard]] std::optional<std::string> root_by_proc(const std::vector<Mount>& mounts);

}  // namespace socklid
