// SPDX-License-Identifier: Apache-2.0
#include "node/guest_kernel.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <string>

#include "system/files.hpp"

namespace socklid {
namespace {

constexpr std::array<std::string_view, 7> programs = {
    "runsc",       "runsc-sandbox", "kata-runtime", "krun", "cloud-hypervisor",
    "firecracker", "dragonball"};
constexpr std::array<std::string_view, 3> families = {"containerd-shim-kata",
                                                      "containerd-shim-runsc", "qemu-system-"};

Failure fail_guest(std::string_view what) {
  return fail(
      Exit::unsupported, what,
      " has sockets of its own kernel, which no hook of this one sees: run this container by "
      "runc, crun or youki");
}

}  // namespace

bool is_guest_kernel(std::string_view program) {
  constexpr std::string_view deleted = " (deleted)";
  if (program.ends_with(deleted)) program.remove_suffix(deleted.size());
  const std::string_view name = program.substr(program.rfind('/') + 1);
  return std::find(programs.begin(), programs.end(), name) != programs.end() ||
         std::any_of(families.begin(), families.end(),
                     [&](std::string_view family) { return name.starts_with(family); });
}

bool asks_for_guest_kernel(const annotations::Annotations& annotations) {
  const auto handler = annotations.find("run.oci.handler");
  return handler != annotations.end() && handler->second == "krun";
}

std::string_view handler_without_exec(const annotations::Annotations& annotations) {
  constexpr std::array<std::string_view, 2> keys = {"run.oci.handler", "module.wasm.image/variant"};
  const auto* const found = std::find_if(
      keys.begin(), keys.end(), [&](std::string_view key) { return annotations.contains(key); });
  return found == keys.end() ? std::string_view() : *found;
}

Result<> check_own_kernel(pid_t pid, const annotations::Annotations& annotations) {
  if (asks_for_guest_kernel(annotations)) return fail_guest("run.oci.handler: \"krun\"");
  if (const auto key = handler_without_exec(annotations); !key.empty()) {
    return fail(Exit::unsupported, key,
                ": is refused beside annotations of socklid's: with it crun is the container's "
                "program itself, and no exec tells where the engine ends and the container begins; "
                "take it away");
  }
  const std::string directory = "/proc/" + std::to_string(pid);
  std::array<char, PATH_MAX> program{};
  const ssize_t length = ::readlink((directory + "/exe").c_str(), program.data(), program.size());
  const std::string_view path(program.data(),
                              static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  // A program in memory, as runc's and gVisor's are, has the name that it gave itself.
  const auto arguments = read_file(AT_FDCWD, directory + "/cmdline", Exit::process);
  const std::string called = arguments ? arguments->substr(0, arguments->find('\0')) : "";
  if (is_guest_kernel(path)) return fail_guest(path);
  if (is_guest_kernel(called)) return fail_guest(called);
  return {};
}

}  // namespace socklid
