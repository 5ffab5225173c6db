// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/inside/files.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include "selftest/ways/inside/program.hpp"

namespace socklid::selftest {

Outcome done(std::string_view step, long answer) {
  if (answer < 0) return failed(std::string(step));
  return {};
}

Outcome open_once(const Scene& scene, std::string_view path, int flags) {
  const UniqueFd fd(::open(in_root(scene, path).c_str(), flags | O_CLOEXEC, 0644));
  return done("open", fd.get());
}

bool set_access_list(const std::string& path) {
  return ::setxattr(path.c_str(), "system.posix_acl_access", access_list.data(), access_list.size(),
                    0) == 0;
}

bool bind_there(const Scene& scene, std::string_view what, std::string_view where) {
  return ::mount(in_root(scene, what).c_str(), in_root(scene, where).c_str(), nullptr, MS_BIND,
                 nullptr) == 0;
}

Outcome bind_over(const Scene& scene, std::string_view what, std::string_view where,
                  unsigned long flags) {
  const std::string there = in_root(scene, where);
  if (::mount(in_root(scene, what).c_str(), there.c_str(), nullptr, MS_BIND | flags, nullptr) !=
      0) {
    return failed("mount");
  }
  return done("umount", ::umount2(there.c_str(), MNT_DETACH));
}

bool own_mounts() {
  return ::unshare(CLONE_NEWNS) == 0;
}

}  // namespace socklid::selftest
