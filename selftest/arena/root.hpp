// SPDX-License-Identifier: Apache-2.0
//
// Root: the files of a container whose policy names some: a file system in memory, mounted in the
// container's own mount namespace alone. What a policy calls /bin/caged is seen there at
// PATH/bin/caged, since the rest of the host's files stay where they are.
//
//   /bin/caged /bin/third          programs that carry rows out (selftest/ways/inside/program.hpp)
//   /bin/other                     the same, a link to what runs here
//   /bin/hard /bin/soft            other names of caged
//   /bin/script                    a script, whose interpreter is other
//   /bin/by-caged /bin/nested      a script of caged's, and one of that script's
//   /bin/broken                    no program, though it looks like one
//   /sbin/prog /sbin/sub/deep      what policies protect
//   /sbin/empty /way               a directory there, and a link to /sbin
//   /etc/conf/file                 what they protect
//   /etc/conf/run/pid              but not /etc/conf/run
//   /etc/single /free/single       one file
//   /free/a /free/mounted          what they do not protect
//   /free/symlink                  leads to /sbin/prog
#pragma once

#include <sys/types.h>

#include <string>

#include "annotations/parser.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace socklid::selftest {

class Root {
 public:
  /// Below `directory`, which is made. Errors: Exit::internal.
  [[nodiscard]] static Result<Root> make(const std::string& directory);

  /// As a runtime does: writes the bundle's config.json, with the container's root and annotations.
  [[nodiscard]] Result<> configure(const annotations::Annotations& annotations) const;
  /// In the process that is to hold the container: gives it a mount namespace, with the files.
  /// False with errno.
  [[nodiscard]] bool mount() const;
  /// Has a hold of that process's mount namespace.
  [[nodiscard]] Result<> open(pid_t holder);
  [[nodiscard]] int mounts() const { return mounts_.get(); }
  /// In a process of that namespace, still one of the host's: makes what is not there, and takes
  /// away what attempts have made. False with errno.
  [[nodiscard]] bool fill() const;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Of the runtime, with a config.json once it is configured.
  [[nodiscard]] const std::string& bundle() const { return bundle_; }

 private:
  Root() = default;
  std::string bundle_;
  std::string path_;
  UniqueFd mounts_;
};

}  // namespace socklid::selftest
