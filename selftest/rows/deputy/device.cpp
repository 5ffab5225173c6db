// SPDX-License-Identifier: Apache-2.0
//
// Files that change network devices, or have the kernel send or start programs by itself: of sysfs,
// binfmt_misc and /proc/net.
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "selftest/arena/network.hpp"
#include "selftest/rows/deputy/deputy.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/hierarchy.hpp"
#include "selftest/ways/sockets.hpp"
#include "system/files.hpp"

namespace socklid::selftest {
namespace {

// sysfs -----------------------------------------------------------------------------------------

constexpr int other_mtu = 1400;
constexpr const char* bond = "selftest0";

/// A new sysfs shows the devices of the network namespace that its mounter is in.
Outcome write_sysfs(const char* path, const std::string& text) {
  const UniqueFd root = private_mount("sysfs");
  if (!root) return failed("mount");
  if (!write_file_at(root.get(), path, text)) return failed("write");
  return {};
}

Outcome write_mtu(const Scene& /*scene*/) {
  const std::string path = "class/net/" + std::string(inside_end.name) + "/mtu";
  return write_sysfs(path.c_str(), std::to_string(other_mtu));
}

bool has_other_mtu(const Scene& /*scene*/) {
  const UniqueFd fd = open_socket(AF_INET, SOCK_DGRAM);
  ifreq request{};
  inside_end.name.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  return fd && ::ioctl(fd.get(), SIOCGIFMTU, &request) == 0 && request.ifr_mtu == other_mtu;
}

Outcome make_bond(const Scene& /*scene*/) {
  return write_sysfs("class/net/bonding_masters", "+" + std::string(bond));
}

bool has_bond(const Scene& /*scene*/) {
  return ::if_nametoindex(bond) != 0;
}

/// The node's own sysfs shows the host's devices, whatever namespace the writer is in. What is
/// there is written again.
Outcome write_to_host(const Scene& /*scene*/) {
  constexpr const char* path = "/sys/class/net/lo/mtu";
  const auto mtu = read_file(AT_FDCWD, path, Exit::node);
  if (!mtu) return failed("read");
  if (!write_file_at(AT_FDCWD, path, *mtu)) return failed("write");
  return {};
}

// binfmt_misc -----------------------------------------------------------------------------------

/// Who writes to it has the kernel run a program of his for whoever starts another, on the host
/// too.
Outcome open_interpreters(const Scene& /*scene*/) {
  const UniqueFd root = private_mount("binfmt_misc");
  if (!root) return failed("mount");
  const UniqueFd file(::openat(root.get(), "register", O_WRONLY | O_CLOEXEC));
  return file ? Outcome{} : failed("open");
}

// /proc/net -------------------------------------------------------------------------------------

bool tell_pktgen(const std::string& file, const std::string& text) {
  return write_file_at(AT_FDCWD, ("/proc/thread-self/net/pktgen/" + file).c_str(), text + "\n");
}

/// The kernel's own thread of the CPU that selftest stays on sends one packet, and `start` returns
/// when it is gone (Documentation/networking/pktgen.rst).
Outcome send_by_pktgen(const Scene& scene) {
  const std::string device(inside_end.name), port = std::to_string(scene.port);
  const bool v4 = scene.ip == Ip::v4;
  if (!tell_pktgen("kpktgend_" + std::to_string(::sched_getcpu()), "add_device " + device)) {
    return failed("add_device");
  }
  for (const std::string& line :
       {std::string("count 1"), std::string("pkt_size 128"), "udp_dst_min " + port,
        "udp_dst_max " + port, std::string("dst_mac 02:51:00:00:00:02"),
        (v4 ? "dst " : "dst6 ") + std::string(v4 ? target4 : target6)}) {
    if (!tell_pktgen(device, line)) return failed(line);
  }
  if (!tell_pktgen("pgctrl", "start")) return failed("start");
  return {};
}

Row effect_row(std::string_view name, Outcome (*attempt)(const Scene&), bool (*check)(const Scene&),
               const std::vector<std::string_view>& modules = {}) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::effect,
          .stops = always(Guard::sysfs),
          .attempt = attempt,
          .modules = modules,
          .check = check,
          .alone = true};
}

}  // namespace

std::vector<Row> deputy_device() {
  return {
      effect_row("sysfs: the link's MTU", write_mtu, has_other_mtu),
      effect_row("sysfs: a bond", make_bond, has_bond, {"bonding"}),
      {.name = "sysfs: the host's loopback",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::sysfs),
       .attempt = write_to_host},
      {.name = "binfmt_misc: an interpreter for everybody",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::sysfs),
       .attempt = open_interpreters},
      {.name = "/proc/net: a packet of pktgen",
       .stops = always(Guard::sysfs),
       .attempt = send_by_pktgen,
       .why = "a thread of the kernel sends, past every hook",
       .modules = {"pktgen"},
       .alone = true},
  };
}

}  // namespace socklid::selftest
