// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/siege/engine/files.hpp"

namespace socklid::siege {
namespace {

namespace fs = std::filesystem;

enum class Change : std::uint8_t {
  write,
  truncate,
  open_truncated,
  rename,
  exchange,
  link,
  symlink,
  unlink,
  rmdir,
  mkdir,
  mknod,
  chmod,
  chown,
  utimes,
  setxattr,
  bind,
  tmpfs,
  move,
  umount,
  share,
};
constexpr std::array<const char*, 20> changes{
    "write",    "truncate", "open_truncated", "rename", "exchange", "link",  "symlink",
    "unlink",   "rmdir",    "mkdir",          "mknod",  "chmod",    "chown", "utimes",
    "setxattr", "bind",     "tmpfs",          "move",   "umount",   "share"};
/// In /safe all but /safe/open is protected. Mounts are made on the last ones.
constexpr std::array<const char*, 24> paths{"/safe",
                                            "/safe/file",
                                            "/safe/dir",
                                            "/safe/dir/deep",
                                            "/safe/dir/deep/file",
                                            "/safe/empty",
                                            "/safe/new",
                                            "/safe/open",
                                            "/safe/open/file",
                                            "/safe/open/new",
                                            "/caged",
                                            "/",
                                            "/free",
                                            "/free/x",
                                            "/free/dir",
                                            "/free/dir/y",
                                            "/free/new",
                                            "/m1/file",
                                            "/m1/dir/deep/file",
                                            "/m1/safe/file",
                                            "/m2/file",
                                            "/m2/safe/dir",
                                            "/m1",
                                            "/m2"};

int error_of(long returned) {
  return returned < 0 ? errno : 0;
}

int open_and_write(const char* path, int flags) {
  const int file = ::open(path, flags | O_CLOEXEC | O_NONBLOCK, 0644);
  if (file < 0) return errno;
  const int error = (flags & O_ACCMODE) != O_RDONLY ? error_of(::write(file, "x", 1)) : 0;
  ::close(file);
  return error;
}

/// Of the first namespace's: what a round has mounted is on these, or over what it must not.
void unmount_all() {
  for (const char* path : paths) {
    if (std::string(path) == "/") continue;
    while (::umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
  }
}

void fill(const char* path) {
  std::ofstream(path) << "free\n";
}

}  // namespace

void prepare_files() {
  unmount_all();
  std::error_code ignored;
  for (const char* path : {"/free", "/m1", "/m2", "/safe/open/file", "/safe/open/new"}) {
    fs::remove_all(path, ignored);
  }
  for (const char* path : {"/free/dir", "/m1", "/m2"}) fs::create_directories(path, ignored);
  for (const char* path : {"/free/x", "/free/dir/y", "/safe/open/file"}) fill(path);
}

void draw_change(Chance& chance, Step& step) {
  step.v[0] = chance.below(changes.size());
  if (chance.percent(20)) step.v[0] = static_cast<unsigned>(Change::bind);
  step.v[1] = chance.below(paths.size());
  step.v[2] = chance.below(paths.size());
  const bool on_a_place = step.v[0] == static_cast<unsigned>(Change::bind) && chance.percent(60);
  if (on_a_place) step.v[2] = static_cast<unsigned>(paths.size()) - 1 - chance.below(2);
}

std::string change_of(const Step& step) {
  return std::string(changes.at(step.v[0])) + ' ' + paths.at(step.v[1]) + ' ' + paths.at(step.v[2]);
}

int change_file(const Step& step) {
  const char* path = paths.at(step.v[1] % paths.size());
  const char* other = paths.at(step.v[2] % paths.size());
  switch (static_cast<Change>(step.v[0] % changes.size())) {
    case Change::write:
      return open_and_write(path, O_WRONLY | O_APPEND);
    case Change::truncate:
      return error_of(::truncate(path, 0));
    case Change::open_truncated:
      return open_and_write(path, O_RDONLY | O_TRUNC);
    case Change::rename:
      return error_of(::rename(path, other));
    case Change::exchange:
      return error_of(::renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE));
    case Change::link:
      return error_of(::link(path, other));
    case Change::symlink:
      return error_of(::symlink(path, other));
    case Change::unlink:
      return error_of(::unlink(path));
    case Change::rmdir:
      return error_of(::rmdir(path));
    case Change::mkdir:
      return error_of(::mkdir(path, 0755));
    case Change::mknod:
      return error_of(::mknod(path, S_IFIFO | 0644, 0));
    case Change::chmod:
      return error_of(::chmod(path, 0700));
    case Change::chown:
      return error_of(::chown(path, 1, 1));
    case Change::utimes:
      return error_of(::utimensat(AT_FDCWD, path, nullptr, 0));
    case Change::setxattr:
      return error_of(::setxattr(path, "trusted.siege", "x", 1, 0));
    case Change::bind:
      return error_of(::mount(path, other, nullptr, MS_BIND, nullptr));
    case Change::tmpfs:
      return error_of(::mount("siege", path, "tmpfs", 0, nullptr));
    case Change::move:
      return error_of(::mount(path, other, nullptr, MS_MOVE, nullptr));
    case Change::umount:
      return error_of(::umount2(path, MNT_DETACH));
    case Change::share:
      return error_of(::mount(nullptr, path, nullptr, MS_SHARED, nullptr));
  }
  return ENOSYS;
}

}  // namespace socklid::siege
