// SPDX-License-Identifier: Apache-2.0
#include "command/builds.hpp"

#include <fcntl.h>

#include "hook/files.hpp"

namespace socklid::command {

Result<std::vector<std::string>> loaded_builds(const Paths& paths) {
  const std::string path = paths.bpffs + "/programs";
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    if (errno == ENOENT) return std::vector<std::string>{};
    return fail_errno(Exit::store, "open " + path);
  }
  return list_directory(directory.get());
}

}  // namespace socklid::command
