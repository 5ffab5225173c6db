// SPDX-License-Identifier: Apache-2.0
//
// Sysctls of net/ in the container's own network namespace, and one that names what the kernel
// starts. Two look at them: one when they are opened to be written, the other at the write. "opened
// alone" is the first's, "handed in" the second's.
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "selftest/rows/deputy/deputy.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/hierarchy.hpp"
#include "system/files.hpp"

namespace socklid::selftest {
namespace {

/// Below /proc.
struct Setting {
  const char* ipv4;
  const char* ipv6;
  std::string_view value;
};

constexpr Setting foreign_addresses{"sys/net/ipv4/ip_nonlocal_bind",
                                    "sys/net/ipv6/ip_nonlocal_bind", "1"};
constexpr Setting answers{"sys/net/ipv4/conf/all/proxy_arp", "sys/net/ipv6/conf/all/proxy_ndp",
                          "1"};
constexpr Setting ports{"sys/net/ipv4/ip_local_port_range", "sys/net/ipv4/ip_local_port_range",
                        "20000\t20001"};

const char* path_of(const Setting& setting, const Scene& scene) {
  return scene.ip == Ip::v4 ? setting.ipv4 : setting.ipv6;
}

Outcome write_below(int proc, const Setting& setting, const Scene& scene) {
  if (!write_file_at(proc, path_of(setting, scene), setting.value)) return failed("write");
  return {};
}

template <const Setting& setting>
Outcome write_setting(const Scene& scene) {
  const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return write_below(proc.get(), setting, scene);
}

template <const Setting& setting>
Outcome write_on_own_proc(const Scene& scene) {
  const UniqueFd proc = private_mount("proc");
  if (!proc) return failed("mount");
  return write_below(proc.get(), setting, scene);
}

/// What the kernel starts, as the host's root, when a program dies. What is there is written again.
Outcome name_core_program(const Scene& /*scene*/) {
  constexpr const char* path = "sys/kernel/core_pattern";
  const UniqueFd proc = private_mount("proc");
  if (!proc) return failed("mount");
  const auto pattern = read_file(proc.get(), path, Exit::node);
  if (!pattern) return failed("read");
  if (!write_file_at(proc.get(), path, *pattern)) return failed("write");
  return {};
}

/// Holds it; what is written then is not looked at when it is opened.
Outcome open_alone(const Scene& scene) {
  const std::string path = "/proc/" + std::string(path_of(foreign_addresses, scene));
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file ? Outcome{} : failed("open");
}

Outcome write_lent(const Scene& scene) {
  const UniqueFd file = borrow(scene, Lent::sysctl);
  if (!file) return failed("borrow");
  const std::string_view value = foreign_addresses.value;
  if (::write(file.get(), value.data(), value.size()) < 0) return failed("write");
  return {};
}

template <const Setting& setting>
bool is_written(const Scene& scene) {
  const auto text =
      read_file(AT_FDCWD, "/proc/" + std::string(path_of(setting, scene)), Exit::node);
  return text && *text == std::string(setting.value) + "\n";
}

/// The policies of selftest open them to all other rows.
constexpr std::string_view closed_again = "io.socklid.deputies=";

template <const Setting& setting>
Row effect_row(std::string_view name, Outcome (*attempt)(const Scene&), Each each = Each::ip) {
  return {.name = name,
          .each = each,
          .proof = Proof::effect,
          .stops = always(Guard::sysctl),
          .attempt = attempt,
          .annotations = {closed_again},
          .check = is_written<setting>,
          .alone = true};
}

}  // namespace

std::vector<Row> deputy_sysctl() {
  return {
      effect_row<foreign_addresses>("sysctl: foreign addresses", write_setting<foreign_addresses>),
      effect_row<foreign_addresses>("sysctl: foreign addresses, on a proc of its own",
                                    write_on_own_proc<foreign_addresses>),
      effect_row<answers>("sysctl: answers for others", write_setting<answers>),
      effect_row<ports>("sysctl: ports that the kernel chooses", write_setting<ports>,
                        Each::v4_only),
      effect_row<foreign_addresses>("sysctl: foreign addresses, handed in", write_lent),
      {.name = "sysctl: foreign addresses, opened alone",
       .proof = Proof::done,
       .stops = always(Guard::sysctl),
       .attempt = open_alone,
       .annotations = {closed_again}},
      {.name = "sysctl: the program for core dumps",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::sysctl),
       .attempt = name_core_program,
       .annotations = {closed_again}},
  };
}

}  // namespace socklid::selftest
