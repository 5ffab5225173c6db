// SPDX-License-Identifier: Apache-2.0
//
// By which names and ways a subject's program is started: by all of them it is the subject.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>

#include "selftest/rows/subject/subject.hpp"
#include "selftest/ways/inside/files.hpp"
#include "selftest/ways/inside/outcome_pipe.hpp"
#include "selftest/ways/inside/program.hpp"

namespace socklid::selftest {
namespace {

constexpr char path_caged[] = "/bin/caged";
constexpr char path_hard[] = "/bin/hard";
constexpr char path_soft[] = "/bin/soft";
constexpr char path_script[] = "/bin/script";
constexpr char path_by_caged[] = "/bin/by-caged";
constexpr char path_nested[] = "/bin/nested";

template <const char* path>
Outcome plainly(const Scene& scene) {
  return in_program(path, reach_target, scene);
}

template <const char* path>
Outcome by_script(const Scene& scene) {
  return in_script(path, reach_target, scene);
}

Outcome exec_descriptor(const Scene& scene) {
  const UniqueFd fd(::open(in_root(scene, bin_caged).c_str(), O_RDONLY | O_CLOEXEC));
  Launch(bin_caged, reach_target, scene).exec_at(fd.get());
  return failed("execveat");
}

Outcome exec_proc_link(const Scene& scene) {
  const UniqueFd fd(::open(in_root(scene, bin_caged).c_str(), O_PATH | O_CLOEXEC));
  Launch launch(bin_caged, reach_target, scene);
  ::execve(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), launch.arguments(), environ);
  return failed("execve");
}

Outcome exec_bound(const Scene& scene) {
  if (!own_mounts() || !bind_there(scene, bin_caged, "/free/a")) return failed("bind");
  return become("/free/a", reach_target, scene);
}

/// The host's files are mounted below the container's, so that the program's libraries are there.
Outcome exec_in_another_root(const Scene& scene) {
  const std::string root = in_root(scene, "/free/mounted");
  if (!own_mounts() || ::mount("/", root.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return failed("bind");
  }
  if (::chroot(root.c_str()) != 0) return failed("chroot");
  return become(bin_caged, reach_target, scene);
}

}  // namespace

std::vector<Row> subject_program() {
  return {
      caged_row("subject: exec of its program", plainly<path_caged>),
      caged_row("subject: exec of its program by a hard link", plainly<path_hard>),
      caged_row("subject: exec of its program by a symlink", plainly<path_soft>),
      caged_row("subject: exec of its program where it is mounted too", in_other<exec_bound>),
      caged_row("subject: exec of its program in another root", in_other<exec_in_another_root>),
      caged_row("subject: exec of its program by execveat", in_other<exec_descriptor>),
      caged_row("subject: exec of its program by /proc/self/fd", in_other<exec_proc_link>),
      caged_row("subject: exec of a script whose interpreter it is", by_script<path_by_caged>),
      caged_row("subject: exec of a script of such a script", by_script<path_nested>),
      caged_row("subject: exec of a script that it is", by_script<path_script>),
  };
}

}  // namespace socklid::selftest
