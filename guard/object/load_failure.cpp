// SPDX-License-Identifier: Apache-2.0
#include "guard/object/load_failure.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "system/files.hpp"

namespace socklid {

std::string_view active_lockdown(std::string_view text) {
  const std::size_t begin = text.find('[');
  const std::size_t end = text.find(']');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return {};
  return text.substr(begin + 1, end - begin - 1);
}

bool forbids_reading(std::string_view lockdown) {
  return lockdown == "confidentiality";
}

Failure explain_load_failure(int error, std::string_view said, const std::string& sys) {
  const std::string what = "load the BPF LSM programs: ";
  if (::access((sys + "/kernel/btf/vmlinux").c_str(), R_OK) != 0) {
    return fail(Exit::node, what,
                "this kernel has no BTF (/sys/kernel/btf/vmlinux): a kernel with "
                "CONFIG_DEBUG_INFO_BTF is needed");
  }
  const auto lockdown = read_file(AT_FDCWD, sys + "/kernel/security/lockdown", Exit::node);
  if (lockdown && forbids_reading(active_lockdown(*lockdown))) {
    return fail(Exit::node, what, lockdown_cause,
                " (/sys/kernel/security/lockdown): ", lockdown_remedy);
  }
  std::string message = what + std::strerror(error);
  if (!said.empty()) message.append(" (").append(said).append(")");
  if (error == EPERM) message += ": this kernel refuses BPF LSM programs";
  return fail(Exit::node, message);
}

}  // namespace socklid
