// SPDX-License-Identifier: Apache-2.0
//
// Senders in the kernel: mounting a file system of the network connects by a socket that no process
// has made or holds; the packet generator needs no socket at all.
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "selftest/child.hpp"
#include "selftest/rows.hpp"
#include "selftest/rows_packet.hpp"
#include "selftest/sockets.hpp"

namespace socklid::selftest {
namespace {

/// mount(2) tries for minutes, so a child does, and no longer than the first packet needs. The
/// attempt has a mount namespace of its own.
Outcome mount_for_a_while(const char* source, const char* type, const std::string& options) {
  auto mounter = Child::start(
      [&] { return ::mount(source, "/tmp", type, 0, options.c_str()) == 0 ? 0 : errno; });
  if (!mounter) return failed("fork");
  const UniqueFd gone(static_cast<int>(::syscall(SYS_pidfd_open, mounter->pid(), 0)));
  if (!gone) return failed("pidfd_open");
  if (!wait_ready(gone.get(), POLLIN)) return {};  // it is still trying
  const int status = mounter->kill();
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    return {.step = "mount", .error = WEXITSTATUS(status)};
  }
  return {};
}

std::string target_of(const Scene& scene) {
  return std::string(scene.ip == Ip::v4 ? target4 : target6);
}

/// The mounting task connects (fs/smb/client/connect.c: generic_ip_connect).
Outcome mount_cifs(const Scene& scene) {
  return mount_for_a_while("//selftest/share", "cifs",
                           "username=selftest,password=selftest,ip=" + target_of(scene) +
                               ",port=" + std::to_string(scene.port));
}

/// A worker of the kernel's connects (net/sunrpc/xprtsock.c: xs_tcp_setup_socket).
Outcome mount_nfs(const Scene& scene) {
  const bool v4 = scene.ip == Ip::v4;
  return mount_for_a_while(
      "selftest:/", "nfs4",
      "vers=4.1,soft,timeo=10,retrans=1,proto=" + std::string(v4 ? "tcp" : "tcp6") +
          ",clientaddr=" + std::string(v4 ? inside4 : inside6) + ",addr=" + target_of(scene) +
          ",port=" + std::to_string(scene.port));
}

/// One command, in one write, to a file of /proc/net/pktgen.
bool command(const std::string& file, const std::string& text) {
  const std::string line = text + "\n";
  const UniqueFd fd(::open(("/proc/net/pktgen/" + file).c_str(), O_WRONLY | O_CLOEXEC));
  return ::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

/// Documentation/networking/pktgen.rst. The thread of this CPU sends, and `start` returns when it
/// has.
Outcome generate_packet(const Scene& scene) {
  std::array<char, IF_NAMESIZE> buffer{};
  if (::if_indextoname(scene.interface, buffer.data()) == nullptr) return failed("interface");
  const std::string device = buffer.data();
  const std::string thread = "kpktgend_" + std::to_string(::sched_getcpu());
  if (!command(thread, "add_device " + device)) return failed("add_device");
  const std::string port = std::to_string(scene.port);
  for (const std::string& text :
       {std::string("count 1"), "udp_dst_min " + port, "udp_dst_max " + port,
        (scene.ip == Ip::v4 ? "dst " : "dst6 ") + target_of(scene)}) {
    if (!command(device, text)) return failed(text);
  }
  if (!command("pgctrl", "start")) return failed("start");
  return {};
}

}  // namespace

std::vector<Row> kernel_client_rows() {
  return {
      {.name = "mount of CIFS",
       .stops = {Guard::connect, Guard::not_named, Guard::not_named},
       .attempt = mount_cifs,
       .why = "needs CAP_SYS_ADMIN",
       .modules = {"cifs"}},
      {.name = "mount of NFS",
       .stops = {Guard::connect, Guard::unmarked, Guard::unmarked},
       .attempt = mount_nfs,
       .why = "needs CAP_SYS_ADMIN",
       .modules = {"nfsv4"}},
      {.name = "a packet of the kernel's packet generator",
       .stops = stops_peer,
       .attempt = generate_packet,
       .why = "needs CAP_NET_ADMIN, a writable /proc, and pktgen, which nothing loads by itself",
       .modules = {"pktgen"},
       .alone = true},
  };
}

}  // namespace socklid::selftest
