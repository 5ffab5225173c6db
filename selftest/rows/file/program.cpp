// SPDX-License-Identifier: Apache-2.0
//
// The program of a subject, which nobody has named as protected: another file in its place would be
// another program.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "selftest/rows/file/file.hpp"
#include "selftest/ways/inside/files.hpp"
#include "selftest/ways/inside/program.hpp"

namespace socklid::selftest {
namespace {

constexpr char hard[] = "/bin/hard";
constexpr char script[] = "/bin/script";

constexpr std::string_view caged = "/bin/caged";

template <const char* path>
Outcome written(const Scene& scene) {
  return open_once(scene, path, O_WRONLY);
}
Outcome unlink_it(const Scene& scene) {
  return done("unlink", ::unlink(in_root(scene, caged).c_str()));
}
Outcome rename_away(const Scene& scene) {
  return done("rename",
              ::rename(in_root(scene, caged).c_str(), in_root(scene, "/free/new").c_str()));
}
Outcome rename_over(const Scene& scene) {
  return done("rename", ::rename(in_root(scene, "/free/a").c_str(), in_root(scene, caged).c_str()));
}
Outcome rename_directory(const Scene& scene) {
  return done("rename",
              ::rename(in_root(scene, "/bin").c_str(), in_root(scene, "/free/new").c_str()));
}
Outcome link_it(const Scene& scene) {
  return done("link", ::link(in_root(scene, caged).c_str(), in_root(scene, "/free/new").c_str()));
}
Outcome change_mode_of_program(const Scene& scene) {
  return done("chmod", ::chmod(in_root(scene, caged).c_str(), 0));
}
Outcome mount_over(const Scene& scene) {
  return bind_over(scene, "/free/a", caged);
}

}  // namespace

std::vector<Row> file_program() {
  return {
      file_row("a subject's program: write by another name", written<hard>),
      file_row("a subject's program: write to a script", written<script>),
      file_row("a subject's program: unlink", unlink_it),
      file_row("a subject's program: rename away", rename_away),
      file_row("a subject's program: rename over", rename_over),
      file_row("a subject's program: rename of its directory", rename_directory),
      file_row("a subject's program: link", link_it),
      file_row("a subject's program: chmod", change_mode_of_program),
      file_row("a subject's program: mount over", mount_over),
  };
}

}  // namespace socklid::selftest
