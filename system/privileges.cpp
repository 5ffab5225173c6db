// SPDX-License-Identifier: Apache-2.0
#include "system/privileges.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <type_traits>
#include <vector>

#include "base/text.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

struct Needed {
  cap_value_t capability;
  std::string_view name;
};

// Memory of maps is charged to the cgroup since 5.11: no CAP_SYS_RESOURCE.
constexpr std::array needed{
    Needed{CAP_BPF, "CAP_BPF"},          // bpf(2): load programs, make maps, pin
    Needed{CAP_PERFMON, "CAP_PERFMON"},  // LSM programs read kernel memory
    Needed{CAP_DAC_OVERRIDE,
           "CAP_DAC_OVERRIDE"},  // the root of cgroup2 is mode 0555: make ours in it
    Needed{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},  // open_by_handle_at(2): a cgroup by its id
    Needed{CAP_NET_ADMIN, "CAP_NET_ADMIN"},              // nf_tables in the container's namespace
    Needed{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},              // setns(2); BPF objects by id
    Needed{CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},  // /proc/PID/ns/net of a process with more rights
};

struct FreeCapabilities {
  void operator()(std::remove_pointer_t<cap_t>* capabilities) const { ::cap_free(capabilities); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities>;

bool is_set(const Capabilities& capabilities, cap_value_t capability, cap_flag_t flag) {
  cap_flag_value_t value = CAP_CLEAR;
  return ::cap_get_flag(capabilities.get(), capability, flag, &value) == 0 && value == CAP_SET;
}

void keep_descriptors_apart() {
  // A missing 0, 1 or 2 would be the number of the next file opened, and be written to.
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) (void)::open("/dev/null", O_RDWR | O_NOCTTY);
  }
  (void)::syscall(SYS_close_range, 3U, ~0U, static_cast<unsigned>(CLOSE_RANGE_CLOEXEC));
}

void reset_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  // The runtime may stop reading our standard error.
  (void)::signal(SIGPIPE, SIG_IGN);
}

void drop_capabilities() {
  // Ambient capabilities go with the permitted ones. The bounding set limits what execve(2) grants,
  // and nothing is executed from here: dropping from it would cost forty system calls for nothing.
  const Capabilities held(::cap_get_proc());
  const Capabilities reduced(::cap_init());
  if (!held || !reduced) return;
  for (const Needed& one : needed) {
    if (!is_set(held, one.capability, CAP_PERMITTED)) continue;
    (void)::cap_set_flag(reduced.get(), CAP_PERMITTED, 1, &one.capability, CAP_SET);
    (void)::cap_set_flag(reduced.get(), CAP_EFFECTIVE, 1, &one.capability, CAP_SET);
  }
  (void)::cap_set_proc(reduced.get());
}

}  // namespace

void harden() {
  keep_descriptors_apart();
  reset_signals();
  (void)::umask(077);
  (void)::clearenv();
  if (::chdir("/") != 0) ::abort();  // the root of our own mount namespace is always there
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  drop_capabilities();
}

bool is_initial_user_namespace(std::string_view uid_map) {
  std::vector<std::string_view> words;
  if (uid_map.ends_with('\n')) uid_map.remove_suffix(1);
  for (const std::string_view word : split(uid_map, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  return words == std::vector<std::string_view>{"0", "0", "4294967295"};
}

Result<> check_privileges() {
  const std::string uid_map = SL_TRY(read_file(AT_FDCWD, "/proc/self/uid_map", Exit::privilege));
  if (!is_initial_user_namespace(uid_map)) {
    return fail(Exit::privilege,
                "rootless container engine: the hook runs in a user namespace, where the kernel "
                "accepts no BPF LSM program; run the container as root (rootful podman)");
  }
  const Capabilities held(::cap_get_proc());
  if (!held) return fail_errno(Exit::privilege, "read our capabilities");
  for (const Needed& one : needed) {
    if (is_set(held, one.capability, CAP_EFFECTIVE)) continue;
    return fail(Exit::privilege, one.name,
                " is missing: the container engine must run as root with it "
                "(look at CapabilityBoundingSet= of its service)");
  }
  return {};
}

}  // namespace socklid
