// SPDX-License-Identifier: Apache-2.0
//
// File systems of the network, whose client is the kernel itself, and those with which its servers
// are told what to do. Mounts made in an attempt stay in it (selftest/attempt.cpp).
#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "selftest/arena/modules.hpp"
#include "selftest/rows/deputy/deputy.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/elsewhere.hpp"
#include "selftest/ways/hierarchy.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

struct Option {
  std::string name;
  std::string value;  ///< empty: a flag
};

/// What is mounted, and how its server is found: at the target's address and port.
struct Volume {
  const char* type{nullptr};
  std::string source;
  std::vector<Option> options;
};

std::string target_of(const Scene& scene) {
  return std::string(scene.ip == Ip::v4 ? target4 : target6);
}

std::string bracketed(const Scene& scene) {
  return scene.ip == Ip::v4 ? target_of(scene) : "[" + target_of(scene) + "]";
}

/// The server for mounts is asked first, on mountport (fs/nfs/mount_clnt.c).
Volume nfs(const Scene& scene) {
  const std::string address = target_of(scene), port = std::to_string(scene.port);
  const std::string protocol = scene.ip == Ip::v4 ? "tcp" : "tcp6";
  return {.type = "nfs",
          .source = bracketed(scene) + ":/selftest",
          .options = {{"vers", "3"},
                      {"nolock", ""},
                      {"proto", protocol},
                      {"mountproto", protocol},
                      {"addr", address},
                      {"mountaddr", address},
                      {"port", port},
                      {"mountport", port}}};
}

Volume cifs(const Scene& scene) {
  return {.type = "cifs",
          .source = "//" + target_of(scene) + "/selftest",
          .options = {{"ip", target_of(scene)},
                      {"port", std::to_string(scene.port)},
                      {"username", "selftest"},
                      {"password", "selftest"}}};
}

Volume ceph(const Scene& scene) {
  return {.type = "ceph",
          .source = bracketed(scene) + ":" + std::to_string(scene.port) + ":/",
          .options = {{"name", "selftest"}, {"mount_timeout", "1"}}};
}

/// 0, or errno.
int mount_by_call(const Volume& volume) {
  std::string data;
  for (const Option& option : volume.options) {
    if (!data.empty()) data += ',';
    data += option.value.empty() ? option.name : option.name + "=" + option.value;
  }
  return ::mount(volume.source.c_str(), "/", volume.type, 0, data.c_str()) == 0 ? 0 : errno;
}

int mount_by_context(const Volume& volume) {
  const UniqueFd context(::fsopen(volume.type, FSOPEN_CLOEXEC));
  if (!context) return errno;
  const auto set = [&](const Option& option) {
    return option.value.empty()
               ? ::fsconfig(context.get(), FSCONFIG_SET_FLAG, option.name.c_str(), nullptr, 0)
               : ::fsconfig(context.get(), FSCONFIG_SET_STRING, option.name.c_str(),
                            option.value.c_str(), 0);
  };
  if (set({"source", volume.source}) != 0) return errno;
  for (const Option& option : volume.options) {
    if (set(option) != 0) return errno;
  }
  return ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0 ? 0 : errno;
}

/// In a child, which is ended if it still waits for an answer after `patience`: by then the kernel
/// has called the server.
template <Volume (*volume)(const Scene&), int (*mounts)(const Volume&)>
Outcome call_server(const Scene& scene) {
  const pid_t child = ::fork();
  if (child < 0) return failed("fork");
  if (child == 0) ::_exit(mounts(volume(scene)));
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  pollfd entry{process.get(), POLLIN, 0};
  const bool over = ::poll(&entry, 1, static_cast<int>(patience.count())) == 1;
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!over || !WIFEXITED(status) || WEXITSTATUS(status) == 0) return {};
  return {.step = "mount", .error = WEXITSTATUS(status)};
}

template <const char* type>
Outcome mount_plainly(const Scene& /*scene*/) {
  if (::mount("selftest", "/", type, 0, nullptr) != 0) return failed("mount");
  return {};
}

template <const char* type>
Outcome create(const Scene& /*scene*/) {
  const UniqueFd root = private_mount(type);
  return root ? Outcome{} : failed("FSCONFIG_CMD_CREATE");
}

constexpr char nfsd[] = "nfsd";
constexpr char rpc_pipefs[] = "rpc_pipefs";
constexpr char configfs[] = "configfs";
constexpr char ceph_type[] = "ceph";  // its module's name too

/// The kernel has modprobe look for "fs-ceph".
Outcome ask_for_type(const Scene& /*scene*/) {
  if (Modules::is_loaded(ceph_type)) return {.step = "find it unloaded", .error = EBUSY};
  const UniqueFd context(::fsopen(ceph_type, FSOPEN_CLOEXEC));
  return context ? Outcome{} : failed("fsopen");
}

bool was_loaded(const Scene& /*scene*/) {
  return Modules::unload_if_loaded(ceph_type);
}

Row server_row(std::string_view name, Act attempt, const std::vector<std::string_view>& modules) {
  return {.name = name,
          .stops = always(Guard::mount),
          .attempt = attempt,
          .why = "the kernel connects, in a socket of its own",
          .modules = modules};
}

Row done_row(std::string_view name, Act attempt, std::string_view module) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::done,
          .stops = always(Guard::mount),
          .attempt = attempt,
          .modules = {module}};
}

}  // namespace

std::vector<Row> deputy_mount() {
  return {
      // Before those that load it.
      {.name = "mount: a type whose module is to be loaded",
       .each = Each::once,
       .proof = Proof::effect,
       .stops = always(Guard::mount),
       .attempt = ask_for_type,
       .modules = {"libceph", "netfs"},
       .check = was_loaded},
      server_row("mount: nfs", call_server<nfs, mount_by_call>, {"nfs", "nfsv3"}),
      server_row("mount: nfs by fsconfig", call_server<nfs, mount_by_context>, {"nfs", "nfsv3"}),
      server_row("mount: cifs", call_server<cifs, mount_by_call>, {"cifs"}),
      server_row("mount: ceph", call_server<ceph, mount_by_call>, {"ceph"}),
      server_row("mount: ceph by fsconfig", call_server<ceph, mount_by_context>, {"ceph"}),
      done_row("mount: the kernel's nfs server", mount_plainly<nfsd>, "nfsd"),
      done_row("mount: the kernel's nfs server by fsconfig", create<nfsd>, "nfsd"),
      done_row("mount: upcalls of RPC", mount_plainly<rpc_pipefs>, "sunrpc"),
      done_row("mount: upcalls of RPC by fsconfig", create<rpc_pipefs>, "sunrpc"),
      done_row("mount: configfs by fsconfig", create<configfs>, "configfs"),
  };
}

}  // namespace socklid::selftest
