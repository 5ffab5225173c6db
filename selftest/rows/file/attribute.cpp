// SPDX-License-Identifier: Apache-2.0
//
// What protected files have besides what they hold: owners, modes, times, attributes, access lists.
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>

#include "selftest/rows/file/file.hpp"
#include "selftest/ways/inside/files.hpp"
#include "selftest/ways/inside/program.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

std::string prog_in(const Scene& scene) {
  return in_root(scene, "/sbin/prog");
}

/// It is only read: that is free.
UniqueFd open_read(const Scene& scene) {
  return UniqueFd(::open(prog_in(scene).c_str(), O_RDONLY | O_CLOEXEC));
}

Outcome change_mode(const Scene& scene) {
  return done("chmod", ::chmod(prog_in(scene).c_str(), 0777));
}
Outcome change_mode_of_directory(const Scene& scene) {
  return done("chmod", ::chmod(in_root(scene, "/sbin").c_str(), 0755));
}
Outcome change_mode_by_descriptor(const Scene& scene) {
  return done("fchmod", ::fchmod(open_read(scene).get(), 0777));
}
Outcome change_mode_by_path(const Scene& scene) {
  const UniqueFd fd(::open(prog_in(scene).c_str(), O_PATH | O_CLOEXEC));
  return done("chmod", ::chmod(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), 0777));
}
Outcome change_owner(const Scene& scene) {
  return done("chown", ::chown(prog_in(scene).c_str(), 1, 1));
}
Outcome change_owner_of_link(const Scene& scene) {
  const std::string link = in_root(scene, "/sbin/prog");
  return done("fchownat", ::fchownat(AT_FDCWD, link.c_str(), 1, 1, AT_SYMLINK_NOFOLLOW));
}
Outcome change_times(const Scene& scene) {
  const timespec times[2]{{1, 0}, {1, 0}};
  return done("utimensat", ::utimensat(AT_FDCWD, prog_in(scene).c_str(), times, 0));
}
Outcome change_times_by_descriptor(const Scene& scene) {
  const timespec times[2]{{1, 0}, {1, 0}};
  return done("futimens", ::futimens(open_read(scene).get(), times));
}
Outcome set_attribute(const Scene& scene) {
  return done("setxattr", ::setxattr(prog_in(scene).c_str(), "trusted.new", "1", 1, 0));
}
Outcome set_attribute_by_descriptor(const Scene& scene) {
  return done("fsetxattr", ::fsetxattr(open_read(scene).get(), "trusted.new", "1", 1, 0));
}
Outcome remove_attribute(const Scene& scene) {
  return done("removexattr", ::removexattr(prog_in(scene).c_str(), "trusted.old"));
}
Outcome set_list(const Scene& scene) {
  return set_access_list(prog_in(scene)) ? Outcome{} : failed("setxattr");
}
Outcome remove_list(const Scene& scene) {
  const std::string path = in_root(scene, "/sbin/sub/deep");
  return done("removexattr", ::removexattr(path.c_str(), "system.posix_acl_access"));
}
/// A program that is run with them has capabilities.
Outcome set_capabilities(const Scene& scene) {
  constexpr unsigned char none[20]{0, 0, 0, 2};
  return done("setxattr", ::setxattr(prog_in(scene).c_str(), "security.capability", none, 20, 0));
}
Outcome set_attribute_by_ring(const Scene& scene) {
  const std::string path = prog_in(scene);
  Ring ring;
  if (!ring) return failed("io_uring_setup");
  io_uring_sqe request{};
  request.opcode = IORING_OP_SETXATTR;
  request.addr = reinterpret_cast<std::uint64_t>("trusted.new");
  request.addr2 = reinterpret_cast<std::uint64_t>("1");
  request.addr3 = reinterpret_cast<std::uint64_t>(path.c_str());
  request.len = 1;
  return done("setxattr", ring.run(request));
}

}  // namespace

std::vector<Row> file_attribute() {
  return {
      file_row("attributes: chmod", change_mode),
      file_row("attributes: chmod of the directory", change_mode_of_directory),
      file_row("attributes: fchmod", change_mode_by_descriptor),
      file_row("attributes: chmod by /proc/self/fd", change_mode_by_path),
      file_row("attributes: chown", change_owner),
      file_row("attributes: fchownat", change_owner_of_link),
      file_row("attributes: utimensat", change_times),
      file_row("attributes: futimens", change_times_by_descriptor),
      file_row("attributes: setxattr", set_attribute),
      file_row("attributes: fsetxattr", set_attribute_by_descriptor),
      file_row("attributes: removexattr", remove_attribute),
      file_row("attributes: an access list", set_list),
      file_row("attributes: no access list", remove_list),
      file_row("attributes: capabilities", set_capabilities),
      file_row("attributes: setxattr by io_uring", set_attribute_by_ring),
  };
}

}  // namespace socklid::selftest
