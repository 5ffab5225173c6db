// SPDX-License-Identifier: Apache-2.0
#include "node/files/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <deque>
#include <memory>

#include "system/files.hpp"

namespace socklid {

/// One file on the way.
struct ContainerTree::Step {
  UniqueFd fd;
  FileNumber number;
  struct stat status {};
  const Mount* mount{nullptr};
};

/// A directory that we are in.
struct ContainerTree::Level {
  Step step;
  std::string name;
  std::optional<FileNumber> covered;  ///< what lies under it, if it is a mount point
};

struct ContainerTree::Walk {
  std::string path;
  std::deque<std::string> rest;  ///< components that are to be gone
  std::vector<Level> levels;     ///< from the root on, which is the first
  std::vector<FileNumber> passed;
  std::size_t links{0};
  std::size_t steps{0};
  std::optional<FoundFile> file;  ///< where it ends, if that is no directory
};

namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Failure refuse(const std::string& path, std::string_view why) {
  return fail(Exit::unsupported, quote(path, 200), " ", why);
}

/// What readdir(3) says of `name`; nothing if it does not name it.
Result<std::optional<std::uint64_t>> number_by_name(int directory, const std::string& name) {
  UniqueFd fd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno(Exit::process, "read the directory of " + quote(name, 64));
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(fd.get()));
  if (!stream) return fail_errno(Exit::process, "read the directory of " + quote(name, 64));
  (void)fd.release();
  for (std::size_t i = 0; i < max_siblings; i++) {
    errno = 0;
    const dirent* const entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) {
      return fail_errno(Exit::process, "read the directory of " + quote(name, 64));
    }
    if (entry == nullptr) return std::optional<std::uint64_t>();
    if (name == entry->d_name) return std::optional<std::uint64_t>(entry->d_ino);
  }
  return fail(Exit::unsupported, "the directory of ", quote(name, 64), " has more than ",
              max_siblings, " files");
}

std::uint64_t field(std::string_view fdinfo, std::string_view name) {
  for (const std::string_view line : split(fdinfo, '\n')) {
    if (!line.starts_with(name)) continue;
    return parse_number<std::uint64_t>(trimmed(line.substr(name.size()))).value_or(0);
  }
  return 0;
}

bool is_missing(int error) {
  return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG;
}

void prepend(std::deque<std::string>& rest, std::string_view path) {
  const std::vector<std::string_view> parts = split(path, '/');
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) rest.emplace_front(*part);
}

/// Those in which a file has one number as long as it is there, also when the kernel has forgotten
/// it meanwhile. Not vfat and exfat, which make one up each time, nor what a program or another
/// host answers for (fuse, cifs, 9p).
bool keeps_numbers(std::string_view type) {
  constexpr std::array<std::string_view, 25> known{
      "ext2",  "ext3",  "ext4",  "xfs",      "btrfs",   "f2fs",   "bcachefs", "zfs",   "jfs",
      "tmpfs", "ramfs", "erofs", "squashfs", "iso9660", "nilfs2", "reiserfs", "ubifs", "devtmpfs",
      "nfs",   "nfs4",  "ceph",  "gfs2",     "ocfs2",   "rootfs", "hugetlbfs"};
  return std::find(known.begin(), known.end(), type) != known.end();
}

}  // namespace

Result<const Mount*> ContainerTree::mount_of(std::uint64_t id) const {
  const auto found = std::find_if(mounts_.begin(), mounts_.end(),
                                  [id](const Mount& mount) { return mount.id == id; });
  if (found != mounts_.end()) return &*found;
  return fail(Exit::process, "mount ", id, " is not among those of the container's process");
}

/// `ino:` and `mnt_id:` of proc_pid_fdinfo(5) are there for O_PATH too.
Result<ContainerTree::Step> ContainerTree::look(int fd) const {
  Step step;
  if (::fstat(fd, &step.status) != 0) return fail_errno(Exit::process, "look at a file");
  const std::string info =
      SL_TRY(read_file(AT_FDCWD, "/proc/self/fdinfo/" + std::to_string(fd), Exit::process));
  step.mount = SL_TRY(mount_of(field(info, "mnt_id:")));
  step.number = {.inode = field(info, "ino:"), .device = step.mount->device};
  if (!may_be_shared_ && step.mount->is_shared) {
    return fail(Exit::unsupported, "the mount at ", quote(step.mount->point, 200),
                " is shared, so that mounts over its peers reach it: mount it private or slave "
                "(podman: no `shared` option; Kubernetes: no Bidirectional)");
  }
  if (step.number.inode == 0) {
    return fail(Exit::node, "/proc/self/fdinfo names no ino: this kernel is older than 5.14");
  }
  return step;
}

Result<ContainerTree> ContainerTree::of(UniqueFd root, std::vector<Mount> mounts) {
  ContainerTree tree;
  tree.mounts_ = std::move(mounts);
  std::array<char, PATH_MAX> point{};
  const std::string link = "/proc/self/fd/" + std::to_string(root.get());
  const ssize_t length = ::readlink(link.c_str(), point.data(), point.size());
  if (length <= 0) return fail_errno(Exit::process, "ask where the container's root is");
  tree.point_.assign(point.data(), static_cast<std::size_t>(length));
  tree.root_ = std::move(root);
  const Step step = SL_TRY(tree.look(tree.root_.get()));
  const std::string& mounted = step.mount->point;
  if (mounted != "/" && tree.point_ != mounted && !tree.point_.starts_with(mounted + "/")) {
    return fail(Exit::unsupported, "the container's root is not where its mount is");
  }
  if (tree.point_ == "/") tree.point_.clear();
  return tree;
}

Result<> ContainerTree::check_stable(const Walk& walk, const Step& step,
                                     const std::string& name) const {
  if (keeps_numbers(step.mount->type)) return {};
  if (step.mount->type != "overlay") {
    // What is mounted itself the kernel does not forget.
    if (walk.levels.back().step.mount != step.mount) return {};
    return fail(Exit::unsupported, quote(walk.path, 200), " lies on ", quote(step.mount->type, 20),
                ", whose files have no lasting numbers: keep it on another file system (ext4, xfs, "
                "btrfs, tmpfs)");
  }
  bool stable = true;
  if (S_ISDIR(step.status.st_mode)) {
    const Step& parent = walk.levels.back().step;
    if (parent.mount != step.mount) return {};  // the root of a file system stays what it is
    stable = SL_TRY(number_by_name(parent.fd.get(), name)) == std::optional(step.number.inode);
  } else if (S_ISREG(step.status.st_mode)) {
    constexpr unsigned minor_bits = 20;
    const std::uint32_t device =
        ::gnu_dev_major(step.status.st_dev) << minor_bits | ::gnu_dev_minor(step.status.st_dev);
    stable = device == step.number.device;
  }
  if (stable) return {};
  return fail(Exit::unsupported, quote(walk.path, 200),
              " lies on an overlay of several file systems, whose directories have no lasting "
              "numbers: mount it with xino=on (storage.conf: mountopt), or keep the image store on "
              "one file system");
}

Result<> ContainerTree::enter_link(Walk& walk, const Step& link) const {
  if (++walk.links > max_links) return refuse(walk.path, "leads through more than 40 links");
  if (link.mount->type == "proc") return refuse(walk.path, "leads through a link of procfs");
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(link.fd.get(), "", target.data(), target.size());
  if (length < 0) return fail_errno(Exit::process, "read a link of " + quote(walk.path, 200));
  const std::string_view text(target.data(), static_cast<std::size_t>(length));
  walk.passed.push_back(link.number);
  prepend(walk.rest, text);
  if (text.starts_with('/')) walk.levels.erase(walk.levels.begin() + 1, walk.levels.end());
  return {};
}

/// One component on; false: there is no such file.
Result<bool> ContainerTree::take(Walk& walk, const std::string& name) const {
  if (name.empty() || name == ".") return !walk.file;
  if (walk.file) return false;
  if (name == "..") {
    if (walk.levels.size() > 1) walk.levels.pop_back();
    return true;
  }
  const Step& directory = walk.levels.back().step;
  const int parent = directory.fd.get();
  UniqueFd fd(::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && is_missing(errno)) return false;
  if (!fd) return fail_errno(Exit::process, "look at " + quote(walk.path, 200));
  Step step = SL_TRY(look(fd.get()));
  step.fd = std::move(fd);
  if (S_ISLNK(step.status.st_mode)) {
    SL_CHECK(enter_link(walk, step));
    return true;
  }
  SL_CHECK(check_stable(walk, step, name));
  std::optional<FileNumber> covered;
  if (step.mount != directory.mount) {
    const auto number = SL_TRY(number_by_name(parent, name));
    if (number) covered = FileNumber{.inode = *number, .device = directory.number.device};
    if (covered) walk.passed.push_back(*covered);
  }
  const bool is_mounted = step.mount != directory.mount;
  if (S_ISDIR(step.status.st_mode)) {
    walk.passed.push_back(step.number);
    walk.levels.push_back({.step = std::move(step), .name = name, .covered = covered});
    if (walk.levels.size() > max_depth) return refuse(walk.path, "lies too deep");
    return true;
  }
  walk.file.emplace();
  walk.file->number = step.number;
  walk.file->mode = step.status.st_mode;
  walk.file->name = name;
  walk.file->mount = step.mount->id;
  walk.file->is_mounted = is_mounted;
  return true;
}

Result<std::optional<FoundFile>> ContainerTree::find(std::string_view path) const {
  Walk walk{.path = std::string(path),
            .rest = {},
            .levels = {},
            .passed = {},
            .links = 0,
            .steps = 0,
            .file = std::nullopt};
  prepend(walk.rest, path);
  UniqueFd fd(::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0));
  if (!fd) return fail_errno(Exit::process, "hold the container's root");
  Step root = SL_TRY(look(fd.get()));
  root.fd = std::move(fd);
  walk.passed.push_back(root.number);
  walk.levels.push_back({.step = std::move(root), .name = {}, .covered = std::nullopt});
  while (!walk.rest.empty()) {
    if (++walk.steps > max_steps) return refuse(walk.path, "leads through too many directories");
    const std::string name = std::move(walk.rest.front());
    walk.rest.pop_front();
    if (!SL_TRY(take(walk, name))) return std::optional<FoundFile>();
  }
  return std::optional(end_of(std::move(walk)));
}

FoundFile ContainerTree::end_of(Walk walk) {
  FoundFile found;
  for (const Level& level : walk.levels) {
    if (!level.name.empty()) found.place.append("/").append(level.name);
    if (level.covered) found.above.push_back(*level.covered);
    found.above.push_back(level.step.number);
  }
  if (walk.file) {
    walk.file->place = found.place + "/" + walk.file->name;
    walk.file->above = std::move(found.above);
    found = std::move(*walk.file);
  } else {
    const Level& last = walk.levels.back();
    found.number = last.step.number;
    found.mode = last.step.status.st_mode;
    found.mount = last.step.mount->id;
    found.name = last.name;
    found.is_mounted = last.covered.has_value();
    found.above.pop_back();
    if (found.place.empty()) found.place = "/";
  }
  found.passed = std::move(walk.passed);
  return found;
}

std::vector<ContainerTree::Below> ContainerTree::mounts() const {
  std::vector<Below> below;
  for (const Mount& mount : mounts_) {
    if (!mount.point.starts_with(point_ + "/") || mount.point == "/") continue;
    below.push_back(
        {.place = mount.point.substr(point_.size()), .mount = mount.id, .type = mount.type});
  }
  return below;
}

}  // namespace socklid
