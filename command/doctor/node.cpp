// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "command/doctor/check.hpp"
#include "command/output.hpp"
#include "guard/object/load_failure.hpp"
#include "node/cgroup.hpp"
#include "store/policy_store.hpp"
#include "system/files.hpp"
#include "system/mountinfo.hpp"
#include "system/privileges.hpp"

namespace socklid::command {

Check check_root_and_capabilities(const Paths& /*paths*/) {
  const char* const name = "privileges";
  if (::geteuid() != 0) return failed(name, "not root", "run socklid doctor as root");
  const auto held = check_privileges();
  if (!held) return failed(name, held.error().message);
  return passed(name, "root with all capabilities that the hook needs");
}

Check check_user_namespace(const Paths& /*paths*/) {
  const char* const name = "user namespace";
  const auto map = read_file(AT_FDCWD, "/proc/self/uid_map", Exit::privilege);
  if (!map) return failed(name, map.error().message, "mount proc on /proc");
  if (is_initial_user_namespace(*map)) return passed(name, "the initial one");
  return failed(name, "not the initial one: the kernel accepts no BPF LSM program from here",
                "run rootful, outside of containers with user namespaces");
}

Check judge_kernel_version(std::string_view release) {
  const char* const name = "kernel";
  std::string_view rest = release;
  if (take_number<unsigned>(rest).value_or(0) >= 6) return passed(name, std::string(release));
  return failed(name, std::string(release) + " has no per-cgroup LSM programs",
                "boot Linux 6.0 or later");
}

Check check_kernel_version(const Paths& /*paths*/) {
  utsname names{};
  if (::uname(&names) != 0) return failed("kernel", std::strerror(errno));
  return judge_kernel_version(names.release);
}

Check judge_lsm_list(std::string_view list) {
  const char* const name = "LSM list";
  std::string boot;
  bool found = false;
  constexpr std::string_view end("\n\0", 2);
  for (const std::string_view module : split(trimmed(list, end), ',')) {
    found = found || module == "bpf";
    if (module != "capability" && !module.empty()) boot.append(module).append(",");
  }
  const std::string shown = printable(trimmed(list, end));
  if (found) return passed(name, shown);
  return failed(name, "`bpf` is not active: " + shown,
                "add lsm=" + printable(boot) + "bpf to the kernel's command line and reboot");
}

Check check_lsm_list(const Paths& /*paths*/) {
  const auto list = read_file(AT_FDCWD, "/sys/kernel/security/lsm", Exit::node);
  if (list) return judge_lsm_list(*list);
  return failed("LSM list", list.error().message,
                "mount -t securityfs securityfs /sys/kernel/security");
}

Check judge_lockdown(std::string_view text) {
  const char* const name = "lockdown";
  const std::string_view active = active_lockdown(text);
  if (active.empty()) return passed(name, "this kernel has none");
  if (!forbids_reading(active)) return passed(name, printable(active));
  return failed(name, std::string(lockdown_cause), std::string(lockdown_remedy));
}

Check check_lockdown(const Paths& /*paths*/) {
  return judge_lockdown(
      read_file(AT_FDCWD, "/sys/kernel/security/lockdown", Exit::node).value_or(std::string()));
}

Check check_btf(const Paths& /*paths*/) {
  const char* const path = "/sys/kernel/btf/vmlinux";
  if (::access(path, R_OK) == 0) return passed("BTF", path);
  return failed("BTF", std::string(path) + ": " + std::strerror(errno),
                "use a kernel with CONFIG_DEBUG_INFO_BTF");
}

Check check_cgroup2(const Paths& /*paths*/) {
  const char* const name = "cgroup v2";
  const auto text = read_file(AT_FDCWD, "/proc/self/mountinfo", Exit::node, mountinfo_limit);
  if (!text) return failed(name, text.error().message, "mount proc on /proc");
  const std::vector<Mount> mounts = parse_mountinfo(*text);
  const auto mount = choose_cgroup_mount(mounts);
  if (!mount) return failed(name, mount.error().message);
  std::string detail = "mounted on " + printable(mount->point);
  if (std::any_of(mounts.begin(), mounts.end(),
                  [](const Mount& one) { return one.type == "cgroup"; })) {
    detail += ", beside cgroup v1 (hybrid)";
  }
  if (mount->root != "/") detail += ", showing " + printable(mount->root) + " only";
  return passed(name, detail);
}

Check check_bpf_filesystem(const Paths& paths) {
  const auto seen = check_view(paths);
  if (!seen) return failed("bpffs", seen.error().message);
  return passed("bpffs", "mounted on " + paths.bpffs_mount);
}

}  // namespace socklid::command
