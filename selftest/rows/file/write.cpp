// SPDX-License-Identifier: Apache-2.0
//
// What protected files hold. To write to a file there must be a descriptor for writing, or
// truncate(2).
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

#include "selftest/rows/file/file.hpp"
#include "selftest/ways/inside/files.hpp"
#include "selftest/ways/inside/program.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

constexpr char deep[] = "/sbin/sub/deep";
constexpr char by_way[] = "/way/prog";
constexpr char symlink_name[] = "/free/symlink";
constexpr char other_name[] = "/free/single";

UniqueFd open_file(const Scene& scene, std::string_view path, int flags) {
  return UniqueFd(::open(in_root(scene, path).c_str(), flags | O_CLOEXEC, 0644));
}

template <const char* path, int flags>
Outcome opened(const Scene& scene) {
  return open_once(scene, path, flags);
}

Outcome truncate_it(const Scene& scene) {
  return done("truncate", ::truncate(in_root(scene, prog).c_str(), 0));
}

Outcome copy_range(const Scene& scene) {
  const UniqueFd from = open_file(scene, "/free/a", O_RDONLY);
  const UniqueFd to = open_file(scene, prog, O_WRONLY);
  if (!to) return failed("open");
  return done("copy_file_range", ::copy_file_range(from.get(), nullptr, to.get(), nullptr, 4, 0));
}

Outcome allocate(const Scene& scene) {
  const UniqueFd fd = open_file(scene, prog, O_WRONLY);
  if (!fd) return failed("open");
  return done("fallocate", ::fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4));
}

Outcome splice_in(const Scene& scene) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("pipe");
  const UniqueFd reader(ends[0]), writer(ends[1]);
  const UniqueFd fd = open_file(scene, prog, O_WRONLY);
  if (!fd) return failed("open");
  if (::write(writer.get(), "worm", 4) != 4) return failed("write");
  return done("splice", ::splice(reader.get(), nullptr, fd.get(), nullptr, 4, 0));
}

Outcome map_shared(const Scene& scene) {
  const UniqueFd fd = open_file(scene, prog, O_RDWR);
  if (!fd) return failed("open");
  void* const memory = ::mmap(nullptr, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return failed("mmap");
  static_cast<volatile char*>(memory)[0] = 'w';
  return done("msync", ::msync(memory, 4, MS_SYNC));
}

Outcome reopen(const Scene& scene) {
  const UniqueFd fd = open_file(scene, prog, O_PATH);
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  return done("open", UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC)).get());
}

Outcome by_other_root(const Scene& scene) {
  const std::string path = "/proc/" + std::to_string(::getpid()) + "/root" + in_root(scene, prog);
  return done("open", UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC)).get());
}

Outcome by_chroot(const Scene& scene) {
  if (::chroot(scene.root.data()) != 0) return failed("chroot");
  return done("open", UniqueFd(::open(prog, O_WRONLY | O_CLOEXEC)).get());
}

Outcome by_handle(const Scene& scene) {
  alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> memory{};
  auto* const handle = reinterpret_cast<file_handle*>(memory.data());  // NOLINT
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(AT_FDCWD, in_root(scene, prog).c_str(), handle, &mount, 0) != 0) {
    return failed("name_to_handle_at");
  }
  const UniqueFd root = open_file(scene, "", O_RDONLY | O_DIRECTORY);
  return done("open_by_handle_at",
              UniqueFd(::open_by_handle_at(root.get(), handle, O_WRONLY | O_CLOEXEC)).get());
}

Outcome where_bound(const Scene& scene) {
  if (!own_mounts() || !bind_there(scene, "/sbin", "/free/mounted")) return failed("bind");
  return open_once(scene, "/free/mounted/prog", O_WRONLY);
}

Outcome in_user_namespace_too(const Scene& scene) {
  return in_user_namespace(opened<prog, O_WRONLY>, scene);
}

/// By a file system over it, whose upper directory it is: the kernel writes there for the task.
Outcome overlay(const Scene& scene, std::string_view name) {
  const std::string root = scene.root.data();
  if (!own_mounts()) return failed("unshare");
  const std::string options =
      "lowerdir=" + root + "/free,upperdir=" + root + "/sbin,workdir=" + root + "/etc/new";
  ::mkdir((root + "/etc/new").c_str(), 0755);
  if (::mount("none", (root + "/free/mounted").c_str(), "overlay", 0, options.c_str()) != 0) {
    return failed("mount");
  }
  return open_once(scene, "/free/mounted" + std::string(name), O_WRONLY | O_CREAT);
}
Outcome overlay_written(const Scene& scene) {
  return overlay(scene, "/prog");
}
Outcome overlay_new(const Scene& scene) {
  return overlay(scene, "/new");
}

Outcome forgotten(const Scene& scene) {
  std::ofstream("/proc/sys/vm/drop_caches") << 3 << std::flush;
  return open_once(scene, prog, O_WRONLY);
}

/// A log of processes that end (acct(2)): the kernel writes it.
Outcome account(const Scene& scene) {
  if (::acct(in_root(scene, prog).c_str()) != 0) return failed("acct");
  return done("acct off", ::acct(nullptr));
}

/// Who registers an interpreter has it run in the place of others' programs. Nothing is written
/// here: a handler would be the whole node's.
Outcome name_interpreter(const Scene& scene) {
  const std::string point = in_root(scene, "/free/mounted");
  if (::mount("none", point.c_str(), "binfmt_misc", 0, nullptr) != 0) return failed("mount");
  return open_once(scene, "/free/mounted/register", O_WRONLY);
}

Outcome by_ring(const Scene& scene) {
  const std::string path = in_root(scene, prog);
  Ring ring;
  if (!ring) return failed("io_uring_setup");
  io_uring_sqe request{};
  request.opcode = IORING_OP_OPENAT;
  request.fd = AT_FDCWD;
  request.addr = reinterpret_cast<std::uint64_t>(path.c_str());
  request.open_flags = O_WRONLY | O_CLOEXEC;
  return done("open", UniqueFd(ring.run(request)).get());
}

}  // namespace

std::vector<Row> file_write() {
  return {
      file_row("write: open for writing", opened<prog, O_WRONLY>),
      file_row("write: open for both", opened<prog, O_RDWR>),
      file_row("write: open to append", opened<deep, O_WRONLY | O_APPEND>),
      file_row("write: O_TRUNC alone", opened<prog, O_RDONLY | O_TRUNC>),
      file_row("write: by a symlink to the directory", opened<by_way, O_WRONLY>),
      file_row("write: by a symlink", opened<symlink_name, O_WRONLY>),
      file_row("write: a file by itself", opened<single, O_WRONLY>),
      file_row("write: a file by itself, by its other name", opened<other_name, O_WRONLY>),
      file_row("write: truncate", truncate_it),
      file_row("write: copy_file_range", copy_range),
      file_row("write: fallocate", allocate),
      file_row("write: splice", splice_in),
      file_row("write: mmap", map_shared),
      file_row("write: opened again by /proc/self/fd", reopen),
      file_row("write: by another process's root", by_other_root),
      file_row("write: by chroot", by_chroot),
      file_row("write: open_by_handle_at", by_handle),
      file_row("write: where it is mounted too", where_bound),
      file_row("write: in a user namespace", in_user_namespace_too),
      file_row("write: by an overlay of it", by_program<overlay_written>),
      file_row("write: a new file by an overlay of it", by_program<overlay_new>),
      file_row("write: once nobody remembers it", forgotten),
      file_row("write: process accounting", account),
      file_row("write: an interpreter of binfmt_misc", by_program<name_interpreter>),
      file_row("write: open by io_uring", by_ring),
  };
}

}  // namespace socklid::selftest
