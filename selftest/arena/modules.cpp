// SPDX-License-Identifier: Apache-2.0
#include "selftest/arena/modules.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "system/files.hpp"

namespace socklid::selftest {
namespace {

/// Without a word of its own. What the kernel itself would call: proc_sys_kernel(5), modprobe.
bool modprobe(const char* option, const std::string& module) {
  auto path = read_file(AT_FDCWD, "/proc/sys/kernel/modprobe", Exit::node);
  if (!path) return false;
  while (path->ends_with('\n')) path->pop_back();
  posix_spawn_file_actions_t quiet{};
  ::posix_spawn_file_actions_init(&quiet);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::posix_spawn_file_actions_addopen(&quiet, fd, "/dev/null", O_RDWR, 0);
  }
  const char* const arguments[]{"modprobe", "-q", option, module.c_str(), nullptr};
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, path->c_str(), &quiet, nullptr,
                    const_cast<char* const*>(static_cast<const char* const*>(arguments)),  // NOLINT
                    environ);
  ::posix_spawn_file_actions_destroy(&quiet);
  if (error != 0) return false;
  int status = 1;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Modules::~Modules() {
  for (auto name = loaded_.rbegin(); name != loaded_.rend(); ++name) (void)modprobe("-r", *name);
}

bool Modules::is_loaded(const std::string& module) {
  return ::access(("/sys/module/" + module).c_str(), F_OK) == 0;
}

bool Modules::unload_if_loaded(const std::string& module) {
  if (!is_loaded(module)) return false;
  ::syscall(SYS_delete_module, module.c_str(), O_NONBLOCK);
  return true;
}

bool Modules::load(std::string_view name) {
  if (const auto known = asked_.find(name); known != asked_.end()) return known->second;
  const std::string module(name);
  const bool before = is_loaded(module);
  const bool there = before || modprobe("--", module);
  if (there && !before && is_loaded(module)) loaded_.push_back(module);
  asked_[module] = there;
  return there;
}

}  // namespace socklid::selftest
