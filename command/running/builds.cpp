// SPDX-License-Identifier: Apache-2.0
#include "command/running/builds.hpp"

#include <fcntl.h>

#include <algorithm>

#include "guard/guard.hpp"
#include "system/files.hpp"

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

std::vector<std::string> unused_builds(const std::vector<std::string>& loaded,
                                       const std::vector<Container>& all) {
  std::vector<std::string> unused;
  for (const std::string& hash : loaded) {
    const bool used = std::any_of(all.begin(), all.end(), [&](const Container& one) {
      return !one.entry.record || one.entry.record->object_hash == hash;
    });
    if (!used && hash != object_hash()) unused.push_back(hash);
  }
  return unused;
}

}  // namespace socklid::command
