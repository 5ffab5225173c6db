// SPDX-License-Identifier: Apache-2.0
//
// bpf(2), as who loaded the policy could undo it. Each attempt touches what is of the container's
// own cgroup alone: if it succeeds, nobody else on the node loses a policy.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/policy_abi.h"
#include "node/cgroup.hpp"
#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/bpf_call.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/hierarchy.hpp"

namespace socklid::selftest {
namespace {

UniqueFd make_map() {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_HASH;
  attributes.key_size = attributes.value_size = sizeof(std::uint64_t);
  attributes.max_entries = 1;
  return UniqueFd(bpf_call(BPF_MAP_CREATE, attributes));
}

UniqueFd load_program() {
  return load_constant_program(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS);
}

Outcome create_map(const Scene& /*scene*/) {
  return make_map() ? Outcome{} : failed("BPF_MAP_CREATE");
}

Outcome create_map_in_thread(const Scene& scene) {
  return in_thread(create_map, scene);
}

Outcome create_map_in_nested_cgroup(const Scene& scene) {
  return in_nested_cgroup(create_map, scene);
}

Outcome load(const Scene& /*scene*/) {
  return load_program() ? Outcome{} : failed("BPF_PROG_LOAD");
}

Outcome attach(const Scene& /*scene*/) {
  return attach_to_own_cgroup(load_program, BPF_CGROUP_INET_EGRESS);
}

/// The id after `id` of all links or maps; 0 and errno, ENOENT after the last.
std::uint32_t next_id(bpf_cmd command, std::uint32_t id) {
  bpf_attr attributes{};
  attributes.start_id = id;
  return bpf_call(command, attributes) == 0 ? attributes.next_id : 0;
}

UniqueFd open_id(bpf_cmd command, std::uint32_t id) {
  bpf_attr attributes{};
  attributes.link_id = id;  // the same place as map_id
  return UniqueFd(bpf_call(command, attributes));
}

/// The id that links and maps know the container's cgroup by; 0 and errno.
std::uint64_t own_cgroup_id() {
  const UniqueFd root = private_mount("cgroup2");
  const UniqueFd cgroup = own_cgroup(root.get());
  return cgroup ? cgroup_id(cgroup.get()).value_or(0) : 0;
}

bool is_on(const bpf_link_info& info, std::uint64_t cgroup) {
  return info.type == BPF_LINK_TYPE_CGROUP && info.cgroup.cgroup_id == cgroup;
}

Outcome detach_links(const Scene& scene) {
  const std::uint64_t cgroup = own_cgroup_id();
  if (cgroup == 0) return failed("open the cgroup");
  errno = 0;
  for (std::uint32_t id = 0; (id = next_id(BPF_LINK_GET_NEXT_ID, id)) != 0;) {
    const UniqueFd link = open_id(BPF_LINK_GET_FD_BY_ID, id);
    bpf_link_info info{};
    if (!link || !read_bpf_info(link.get(), info) || !is_on(info, cgroup)) continue;
    bpf_attr attributes{};
    attributes.link_detach.link_fd = static_cast<__u32>(link.get());
    if (bpf_call(BPF_LINK_DETACH, attributes) != 0) return failed("BPF_LINK_DETACH");
  }
  if (errno != ENOENT) return failed("BPF_LINK_GET_NEXT_ID");
  return send_to_target(scene);
}

/// Of every map that is called so, what it holds about the container's cgroup: overwritten with a
/// policy that allows all, or deleted.
Outcome loosen(const Scene& scene, std::string_view name, bool overwrite) {
  std::uint64_t cgroup = own_cgroup_id();
  if (cgroup == 0) return failed("open the cgroup");
  name = name.substr(0, BPF_OBJ_NAME_LEN - 1);  // so much of it the kernel keeps
  errno = 0;
  for (std::uint32_t id = 0; (id = next_id(BPF_MAP_GET_NEXT_ID, id)) != 0;) {
    const UniqueFd map = open_id(BPF_MAP_GET_FD_BY_ID, id);
    bpf_map_info info{};
    if (!map || !read_bpf_info(map.get(), info) || name != info.name) continue;
    std::vector<char> value(info.value_size);
    bpf_attr attributes{};
    attributes.map_fd = static_cast<__u32>(map.get());
    attributes.key = bpf_pointer(&cgroup);
    attributes.value = bpf_pointer(value.data());
    if (bpf_call(BPF_MAP_LOOKUP_ELEM, attributes) != 0) continue;
    const std::uint32_t everything = ~std::uint32_t{0};
    std::memcpy(&value[offsetof(sl_policy, flags)], &everything, sizeof(everything));
    if (bpf_call(overwrite ? BPF_MAP_UPDATE_ELEM : BPF_MAP_DELETE_ELEM, attributes) != 0)
      return failed("change the map");
  }
  if (errno != ENOENT) return failed("BPF_MAP_GET_NEXT_ID");
  return send_to_target(scene);
}

Outcome loosen_policy(const Scene& scene) {
  return loosen(scene, "policies", true);
}

Outcome delete_node_wide_policy(const Scene& scene) {
  return loosen(scene, "policies_by_cgroup", false);
}

/// Without a policy there is nothing to hand in, and a map of its own takes its place.
Outcome read_lent_map(const Scene& scene) {
  UniqueFd map = borrow(scene, Lent::denials_map);
  if (!map) map = make_map();
  if (!map) return failed("BPF_MAP_CREATE");
  std::uint64_t key = 0;
  bpf_attr attributes{};
  attributes.map_fd = static_cast<__u32>(map.get());
  attributes.next_key = bpf_pointer(&key);
  if (bpf_call(BPF_MAP_GET_NEXT_KEY, attributes) != 0 && errno != ENOENT)
    return failed("BPF_MAP_GET_NEXT_KEY");
  return {};
}

/// The kernel has to have looked for the name.
Outcome get_pinned(int directory) {
  if (directory < 0) return failed("open bpffs");
  const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/selftest-none";
  bpf_attr attributes{};
  attributes.pathname = bpf_pointer(path.c_str());
  const UniqueFd object(bpf_call(BPF_OBJ_GET, attributes));
  if (!object && errno != ENOENT) return failed("BPF_OBJ_GET");
  return {};
}

Outcome get_pinned_on_own(const Scene& /*scene*/) {
  const UniqueFd directory = private_mount("bpf");
  return get_pinned(directory.get());
}

Outcome get_pinned_on_lent(const Scene& scene) {
  const UniqueFd directory = borrow(scene, Lent::bpffs);
  return get_pinned(directory.get());
}

/// To be written to; nothing is, for the node needs it.
Outcome open_switch(const Scene& /*scene*/) {
  const UniqueFd fd(::open("/proc/sys/kernel/ftrace_enabled", O_WRONLY | O_CLOEXEC));
  return fd ? Outcome{} : failed("open");
}

Row send_row(std::string_view name, Act attempt) {
  return {.name = name, .stops = always(Guard::bpf), .attempt = attempt, .alone = true};
}

}  // namespace

Outcome attach_to_own_cgroup(UniqueFd (*load)(), bpf_attach_type type) {
  const UniqueFd root = private_mount("cgroup2");
  const UniqueFd cgroup = own_cgroup(root.get());
  if (!cgroup) return failed("open the cgroup");
  const UniqueFd program = load();
  if (!program) return failed("BPF_PROG_LOAD");
  bpf_attr attributes{};
  attributes.target_fd = static_cast<__u32>(cgroup.get());
  attributes.attach_bpf_fd = static_cast<__u32>(program.get());
  attributes.attach_type = type;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (bpf_call(BPF_PROG_ATTACH, attributes) != 0) return failed("BPF_PROG_ATTACH");
  attributes.attach_flags = 0;
  if (bpf_call(BPF_PROG_DETACH, attributes) != 0) return failed("BPF_PROG_DETACH");
  return {};
}

Rows tamper_bpf() {
  return {
      bpf_row("bpf: a map", create_map),
      bpf_row("bpf: a map, from a thread", create_map_in_thread),
      bpf_row("bpf: a map, from a nested cgroup", create_map_in_nested_cgroup),
      bpf_row("bpf: a program", load),
      bpf_row("bpf: a program on the container's cgroup", attach),
      bpf_row("bpf: the sysctl that switches all programs off", open_switch),
      bpf_row("bpf: a map that is handed in", read_lent_map),
      bpf_row("bpf: an object of a bpffs of its own", get_pinned_on_own),
      bpf_row("bpf: an object of the node's bpffs, handed in", get_pinned_on_lent),
      send_row("bpf: detach the cgroup's links, then send", detach_links),
      send_row("bpf: overwrite the cgroup's policy, then send", loosen_policy),
      send_row("bpf: delete the cgroup's node-wide policy, then send", delete_node_wide_policy),
  };
}

}  // namespace socklid::selftest
