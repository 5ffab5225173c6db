// SPDX-License-Identifier: Apache-2.0
//
// Loading the programs once per node, anchoring hooks, and taking all of it away again. What reads
// the object is behind guard/object/object.hpp.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>

#include "base/transaction.hpp"
#include "guard/guard.hpp"
#include "guard/object/object.hpp"
#include "guard/pins.hpp"
#include "guard/root_cgroup.hpp"
#include "system/bpf_calls.hpp"
#include "system/files.hpp"
#include "system/log.hpp"

namespace socklid {
namespace {

Result<> make_on_bpffs(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail_errno(Exit::node, "make " + path + " (is a bpf file system mounted on /sys/fs/bpf?)");
}

Result<> unpin(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail_errno(Exit::store, "unpin " + path);
}

/// Removes the pins in `path` and `path` itself. Absent is done (I7).
Result<> remove_pins(const std::string& path) {
  for (const std::string& file : SL_TRY(list_if_there(path))) {
    SL_CHECK(unpin(path + "/" + file));
  }
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT)
    return fail_errno(Exit::store, "remove " + path);
  return {};
}

Result<> pin(int fd, const std::string& path) {
  if (bpf::pin(fd, path) != 0) return fail_errno(Exit::node, "pin " + path);
  return {};
}

/// Loads and pins under a staging name, published by one rename: a crash leaves nothing that
/// looks complete.
Result<> load_staged(const std::string& staging, const std::string& directory) {
  SL_CHECK(make_on_bpffs(staging));
  SL_CHECK(load_object(staging));
  if (::rename(staging.c_str(), directory.c_str()) != 0) {
    return fail_errno(Exit::node, "rename " + staging + " to " + directory);
  }
  return {};
}

Result<> load_programs(const std::string& directory) {
  const std::string staging = pins::root() + "/staging";
  SL_CHECK(remove_pins(staging));  // of a run that was killed
  auto loaded = load_staged(staging, directory);
  if (!loaded) (void)remove_pins(staging);
  return loaded;
}

Result<UniqueFd> open_anchor_cgroup(const std::string& cgroup_mount) {
  const std::string path = cgroup_mount + "/" + std::string(anchor_cgroup);
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail_errno(Exit::node, "make the cgroup " + path);
  }
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno(Exit::node, "open the cgroup " + path);
  return fd;
}

/// Takes a hook for this node: the first attach of a hook waits for RCU, later ones do not (D1).
/// Whether it was not taken before.
Result<bool> anchor(Hook hook, const std::string& directory, const std::string& cgroup_mount) {
  const std::string path = directory + "/" + pins::anchor(hook);
  if (::access(path.c_str(), F_OK) == 0) return false;
  const UniqueFd program(bpf::get(directory + "/" + pins::program(hook)));
  if (!program && errno == ENOENT && row_of(hook).is_newer) return false;
  if (!program) return fail_errno(Exit::bpf, "open the program of " + std::string(name(hook)));
  UniqueFd link;
  if (is_per_cgroup(hook)) {
    const UniqueFd cgroup = SL_TRY(open_anchor_cgroup(cgroup_mount));
    link.reset(bpf::attach(program.get(), cgroup.get(), row_of(hook).attach));
    // EINVAL is what the kernel says when all slots for distinct hooks are taken
    // (kernel/bpf/cgroup.c, bpf_cgroup_atype_find).
    if (!link && errno == EINVAL) {
      return fail(Exit::node, "no free slot for the hook " + std::string(name(hook)) +
                                  ": the kernel has ten for per-cgroup LSM hooks and others use "
                                  "them; `socklid doctor` counts them");
    }
  } else {
    link.reset(bpf::attach(program.get(), 0, BPF_LSM_MAC));
  }
  if (!link) return fail_errno(Exit::node, "attach the program of " + std::string(name(hook)));
  SL_CHECK(pin(link.get(), path));
  return true;
}

/// Programs attach on a kernel whose active LSMs lack `bpf`, and never run: ask ours to answer.
Result<> check_alive() {
  if (::syscall(SYS_bpf, SL_LIVENESS_COMMAND, nullptr, 0) == -1 && errno == SL_LIVENESS_ERROR) {
    return {};
  }
  return fail(Exit::node,
              "BPF programs do not run as an LSM on this kernel: add `bpf` to the list in "
              "/sys/kernel/security/lsm by the boot parameter lsm=LIST,bpf and reboot");
}

}  // namespace

bool SocketGuard::is_loaded() {
  return ::access(pins::directory(object_hash()).c_str(), F_OK) == 0;
}

Result<SocketGuard> SocketGuard::open(const Hooks& hooks, const std::string& cgroup_mount) {
  const std::string directory = pins::directory(object_hash());
  Transaction transaction([](const Error& error) { log_warning(error.message); });
  if (!is_loaded()) {
    transaction.done("load", [&] { return unload(object_hash(), cgroup_mount); });
    SL_CHECK(make_on_bpffs(std::string(bpffs_root)));
    SL_CHECK(make_on_bpffs(pins::root()));
    SL_CHECK(in_root_cgroup(cgroup_mount, [&] { return load_programs(directory); }));
  }
  const auto take = [&](Hook hook) -> Result<> {
    if (!SL_TRY(anchor(hook, directory, cgroup_mount))) return {};
    transaction.done("take " + std::string(name(hook)),
                     [hook, directory] { return unpin(directory + "/" + pins::anchor(hook)); });
    return {};
  };
  SL_CHECK(take(Hook::bpf));
  SL_CHECK(check_alive());
  for (const Hook hook : hooks) SL_CHECK(take(hook));
  auto guard = open_pins(directory, hooks);
  if (guard) transaction.commit();
  return guard;
}

Result<> SocketGuard::unload(std::string_view hash, const std::string& cgroup_mount) {
  SL_CHECK(remove_pins(pins::directory(hash)));
  // Fails while another build is loaded: its directory is there.
  if (::rmdir(pins::root().c_str()) != 0) return {};
  const std::string cgroup = cgroup_mount + "/" + std::string(anchor_cgroup);
  if (::rmdir(cgroup.c_str()) != 0 && errno != ENOENT) {
    return fail_errno(Exit::store, "remove the cgroup " + cgroup);
  }
  return {};
}

Result<Slots> SocketGuard::slots() {
  constexpr std::uint32_t kernel_slots = 10;  // CGROUP_LSM_NUM, include/linux/bpf-cgroup-defs.h
  std::set<__u32> ours;
  std::set<__u32> foreign;
  std::set<__u32> our_programs;
  for (const std::string& build : SL_TRY(list_if_there(pins::root()))) {
    for (const Hook hook : every_hook()) {
      const UniqueFd fd(bpf::get(pins::directory(build) + "/" + pins::program(hook)));
      bpf_prog_info info{};
      if (fd && bpf::info(fd.get(), info) == 0) our_programs.insert(info.id);
    }
  }
  __u32 id = 0;
  while (bpf::next_link(id) == 0) {
    const UniqueFd link(bpf::link_by_id(id));
    bpf_link_info info{};
    if (!link || bpf::info(link.get(), info) != 0) continue;
    if (info.type != BPF_LINK_TYPE_CGROUP || info.cgroup.attach_type != BPF_LSM_CGROUP) continue;
    const UniqueFd program(bpf::program_by_id(info.prog_id));
    bpf_prog_info details{};
    if (!program || bpf::info(program.get(), details) != 0) continue;
    (our_programs.contains(info.prog_id) ? ours : foreign).insert(details.attach_btf_id);
  }
  if (errno != ENOENT) return fail_errno(Exit::bpf, "list the node's BPF links");
  Slots slots{static_cast<std::uint32_t>(ours.size()), 0, 0};
  for (const __u32 hook : foreign) slots.foreign += ours.contains(hook) ? 0 : 1;
  const std::uint32_t used = slots.ours + slots.foreign;
  slots.free = used < kernel_slots ? kernel_slots - used : 0;
  return slots;
}

}  // namespace socklid
