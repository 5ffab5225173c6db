// SPDX-License-Identifier: Apache-2.0
#include "command/installed.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

namespace socklid::command {
namespace {

std::string directory_of(const std::string& path) {
  return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
}

}  // namespace

std::string own_hook() {
  std::array<char, PATH_MAX> self{};
  const ssize_t size = ::readlink("/proc/self/exe", self.data(), self.size());
  const std::string path(self.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  const std::string prefix = directory_of(directory_of(path));
  return (prefix == "/" ? "" : prefix) + "/libexec/oci/hooks.d/socklid-hook";
}

Result<> check_hook(const std::string& hook) {
  struct stat status {};
  if (::stat(hook.c_str(), &status) != 0) return fail_errno(Exit::node, hook);
  if (S_ISREG(status.st_mode) && ::access(hook.c_str(), X_OK) == 0) return {};
  return fail(Exit::node, hook, ": not an executable file");
}

}  // namespace socklid::command
