// SPDX-License-Identifier: Apache-2.0
//
// Names of protected files, of what leads to them, and new ones among them.
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "selftest/rows/file/file.hpp"
#include "selftest/ways/inside/files.hpp"
#include "selftest/ways/inside/program.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

constexpr char a[] = "/free/a";
constexpr char free_new[] = "/free/new";
constexpr char sbin_new[] = "/sbin/new";
constexpr char sbin[] = "/sbin";
constexpr char etc[] = "/etc";
constexpr char excepted[] = "/etc/conf/run";
constexpr char way[] = "/way";

template <int flags>
Outcome make_file(const Scene& scene) {
  return open_once(scene, sbin_new, flags | O_CREAT);
}
Outcome make_nameless(const Scene& scene) {
  return open_once(scene, sbin, O_WRONLY | O_TMPFILE);
}
Outcome make_directory(const Scene& scene) {
  return done("mkdir", ::mkdir(in_root(scene, sbin_new).c_str(), 0755));
}
Outcome make_symlink(const Scene& scene) {
  return done("symlink", ::symlink("/", in_root(scene, sbin_new).c_str()));
}
Outcome make_pipe(const Scene& scene) {
  return done("mknod", ::mknod(in_root(scene, sbin_new).c_str(), S_IFIFO | 0644, 0));
}
Outcome bind_unix(const Scene& scene) {
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::chdir(in_root(scene, sbin).c_str()) != 0) return failed("chdir");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = "new"};
  return done("bind", ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address),  // NOLINT
                             sizeof(address)));
}

template <const char* from, const char* to>
Outcome linked(const Scene& scene) {
  return done("link", ::link(in_root(scene, from).c_str(), in_root(scene, to).c_str()));
}
Outcome link_nameless(const Scene& scene) {
  const UniqueFd fd(::open(in_root(scene, "/free").c_str(), O_WRONLY | O_TMPFILE, 0644));
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  return done("linkat", ::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, in_root(scene, sbin_new).c_str(),
                                 AT_SYMLINK_FOLLOW));
}
Outcome link_descriptor(const Scene& scene) {
  const UniqueFd fd(::open(in_root(scene, prog).c_str(), O_RDONLY | O_CLOEXEC));
  return done("linkat",
              ::linkat(fd.get(), "", AT_FDCWD, in_root(scene, free_new).c_str(), AT_EMPTY_PATH));
}

template <const char* path>
Outcome unlinked(const Scene& scene) {
  return done("unlink", ::unlink(in_root(scene, path).c_str()));
}
Outcome remove_directory(const Scene& scene) {
  return done("rmdir", ::rmdir(in_root(scene, "/sbin/empty").c_str()));
}

template <const char* from, const char* to, unsigned flags = 0>
Outcome renamed(const Scene& scene) {
  return done("rename", ::renameat2(AT_FDCWD, in_root(scene, from).c_str(), AT_FDCWD,
                                    in_root(scene, to).c_str(), flags));
}

Outcome run_ring(const io_uring_sqe& request) {
  Ring ring;
  if (!ring) return failed("io_uring_setup");
  return done("io_uring", ring.run(request));
}

io_uring_sqe name_request(std::uint8_t opcode, const std::string& path) {
  io_uring_sqe request{};
  request.opcode = opcode;
  request.fd = AT_FDCWD;
  request.addr = reinterpret_cast<std::uint64_t>(path.c_str());
  return request;
}

io_uring_sqe names_request(std::uint8_t opcode, const std::string& from, const std::string& to) {
  io_uring_sqe request = name_request(opcode, from);
  request.len = static_cast<std::uint32_t>(AT_FDCWD);
  request.addr2 = reinterpret_cast<std::uint64_t>(to.c_str());
  return request;
}

Outcome unlink_by_ring(const Scene& scene) {
  const std::string path = in_root(scene, prog);
  return run_ring(name_request(IORING_OP_UNLINKAT, path));
}
Outcome mkdir_by_ring(const Scene& scene) {
  const std::string path = in_root(scene, sbin_new);
  return run_ring(name_request(IORING_OP_MKDIRAT, path));
}
Outcome rename_by_ring(const Scene& scene) {
  const std::string from = in_root(scene, a), to = in_root(scene, prog);
  return run_ring(names_request(IORING_OP_RENAMEAT, from, to));
}
Outcome link_by_ring(const Scene& scene) {
  const std::string from = in_root(scene, prog), to = in_root(scene, free_new);
  return run_ring(names_request(IORING_OP_LINKAT, from, to));
}
Outcome symlink_by_ring(const Scene& scene) {
  const std::string to = "/", path = in_root(scene, sbin_new);
  io_uring_sqe request = name_request(IORING_OP_SYMLINKAT, to);
  request.addr2 = reinterpret_cast<std::uint64_t>(path.c_str());
  return run_ring(request);
}

}  // namespace

std::vector<Row> file_name() {
  return {
      file_row("names: a new file", make_file<O_WRONLY>),
      file_row("names: a new file that is only read", make_file<O_RDONLY>),
      file_row("names: a file without a name", make_nameless),
      file_row("names: mkdir", make_directory),
      file_row("names: symlink", make_symlink),
      file_row("names: mknod", make_pipe),
      file_row("names: a unix socket", bind_unix),
      file_row("names: link there", linked<a, sbin_new>),
      file_row("names: link from there", linked<prog, free_new>),
      file_row("names: link from there, of a descriptor", link_descriptor),
      file_row("names: link of a file by itself", linked<single, free_new>),
      file_row("names: link there of what has no name", link_nameless),
      file_row("names: unlink", unlinked<prog>),
      file_row("names: unlink what leads there", unlinked<way>),
      file_row("names: unlink a file by itself", unlinked<single>),
      file_row("names: rmdir", remove_directory),
      file_row("names: rename out", renamed<prog, free_new>),
      file_row("names: rename in", renamed<a, sbin_new>),
      file_row("names: rename over", renamed<a, prog>),
      file_row("names: rename over what leads there", renamed<a, way>),
      file_row("names: rename of the directory", renamed<sbin, free_new>),
      file_row("names: rename of what is above", renamed<etc, free_new>),
      file_row("names: rename of an exception", renamed<excepted, free_new>),
      file_row("names: exchange", renamed<a, prog, RENAME_EXCHANGE>),
      file_row("names: exchange the other way", renamed<prog, a, RENAME_EXCHANGE>),
      file_row("names: rename that leaves a whiteout", renamed<prog, free_new, RENAME_WHITEOUT>),
      file_row("names: unlink by io_uring", unlink_by_ring),
      file_row("names: mkdir by io_uring", mkdir_by_ring),
      file_row("names: rename by io_uring", rename_by_ring),
      file_row("names: link by io_uring", link_by_ring),
      file_row("names: symlink by io_uring", symlink_by_ring),
  };
}

}  // namespace socklid::selftest
