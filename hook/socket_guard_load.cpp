// SPDX-License-Identifier: Apache-2.0
//
// Loading the programs once per node, anchoring hooks, and taking all of it away again.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <set>

#include "hook/files.hpp"
#include "hook/log.hpp"
#include "hook/root_cgroup.hpp"
#include "hook/socket_guard.hpp"
#include "hook/socket_guard_pins.hpp"
#include "hook/transaction.hpp"
#include "socket_guard.skel.h"
#include "socket_guard_hash.h"

namespace socklid {
namespace {

/// libbpf's first warning while this lives: its error codes alone say little. The first is the
/// cause; those after it say what followed from it. libbpf has one function to tell for the whole
/// process and hands it nothing of ours: one of these at a time.
class FirstWarning {
 public:
  FirstWarning() {
    current_ = this;
    libbpf_set_print(keep);
  }
  FirstWarning(const FirstWarning&) = delete;
  FirstWarning& operator=(const FirstWarning&) = delete;
  /// What libbpf says afterwards is for nobody: standard error is read by others (I11).
  ~FirstWarning() {
    libbpf_set_print(nullptr);
    current_ = nullptr;
  }
  /// Empty if there was none.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static int keep(libbpf_print_level level, const char* format, va_list arguments) {
    if (level != LIBBPF_WARN || current_ == nullptr || !current_->text_.empty()) return 0;
    std::array<char, 512> line{};
    const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
    std::string text(line.data());
    while (!text.empty() && text.back() == '\n') text.pop_back();
    std::replace(text.begin(), text.end(), '\n', ' ');
    current_->text_ = std::move(text);
    return length;
  }

  inline static FirstWarning* current_ = nullptr;
  std::string text_;
};

struct SkeletonDeleter {
  void operator()(socket_guard* skeleton) const { socket_guard::destroy(skeleton); }
};
using Skeleton = std::unique_ptr<socket_guard, SkeletonDeleter>;

Result<> make_on_bpffs(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail_errno(Exit::node, "make " + path + " (is a bpf file system mounted on /sys/fs/bpf?)");
}

/// None if there is no such directory.
Result<std::vector<std::string>> names_in(const std::string& path) {
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) return list_directory(directory.get());
  if (errno == ENOENT) return std::vector<std::string>();
  return fail_errno(Exit::store, "open " + path);
}

Result<> unpin(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail_errno(Exit::store, "unpin " + path);
}

/// Removes the pins in `path` and `path` itself. Absent is done (I7).
Result<> remove_pins(const std::string& path) {
  for (const std::string& file : SL_TRY(names_in(path))) {
    SL_CHECK(unpin(path + "/" + file));
  }
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT)
    return fail_errno(Exit::store, "remove " + path);
  return {};
}

Failure explain_load_failure(int error, const FirstWarning& warning) {
  std::string message = "load the BPF LSM programs: ";
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
    return fail(Exit::node, message +
                                "this kernel has no BTF (/sys/kernel/btf/vmlinux): a kernel "
                                "with CONFIG_DEBUG_INFO_BTF is needed");
  }
  message += std::strerror(error);
  if (!warning.text().empty()) message.append(" (").append(warning.text()).append(")");
  if (error == EPERM) message += ": this kernel or its lockdown refuses BPF LSM programs";
  return fail(Exit::node, message);
}

bpf_program* program_of(const Skeleton& skeleton, Hook hook) {
  return bpf_object__find_program_by_name(skeleton->obj, std::string(name(hook)).c_str());
}

/// Kernels before 6.8 and their stable series ask file_ioctl for 32-bit calls too: the hook is
/// missing there, and nothing is missed.
Result<> leave_out_what_the_kernel_lacks(const Skeleton& skeleton, const FirstWarning& warning) {
  const std::unique_ptr<btf, decltype(&btf__free)> kernel(btf__load_vmlinux_btf(), btf__free);
  if (!kernel) return explain_load_failure(errno, warning);
  if (btf__find_by_name_kind(kernel.get(), "bpf_lsm_file_ioctl_compat", BTF_KIND_FUNC) < 0) {
    bpf_program__set_autoload(program_of(skeleton, Hook::file_ioctl_compat), false);
  }
  return {};
}

Result<Skeleton> load_skeleton() {
  const FirstWarning warning;
  Skeleton skeleton(socket_guard::open());
  if (!skeleton) return explain_load_failure(errno, warning);
  SL_CHECK(leave_out_what_the_kernel_lacks(skeleton, warning));
  const int error = socket_guard::load(skeleton.get());
  if (error != 0) return explain_load_failure(-error, warning);
  return skeleton;
}

Result<> pin(int fd, const std::string& path) {
  if (bpf_obj_pin(fd, path.c_str()) != 0) return fail_errno(Exit::node, "pin " + path);
  return {};
}

Result<> pin_all(const Skeleton& skeleton, const std::string& directory) {
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.policies), directory + "/" + pins::policies));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.policies_by_cgroup),
               directory + "/" + pins::policies_by_cgroup));
  SL_CHECK(
      pin(bpf_map__fd(skeleton->maps.packet_policies), directory + "/" + pins::packet_policies));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.denials), directory + "/" + pins::denials));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.prefixes), directory + "/" + pins::prefixes));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.ports), directory + "/" + pins::ports));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.seals), directory + "/" + pins::seals));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.joins), directory + "/" + pins::joins));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.events), directory + "/" + pins::events));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.search), directory + "/" + pins::search));
  SL_CHECK(
      pin(bpf_program__fd(skeleton->progs.seal_by_hand), directory + "/" + pins::seal_by_hand));
  SL_CHECK(pin(bpf_program__fd(skeleton->progs.find_tasks), directory + "/" + pins::find_tasks));
  for (const Hook hook : every_hook()) {
    const bpf_program* program = program_of(skeleton, hook);
    if (program == nullptr) {
      return fail(Exit::internal, "no program for " + std::string(name(hook)));
    }
    if (!bpf_program__autoload(program)) continue;
    SL_CHECK(pin(bpf_program__fd(program), directory + "/" + pins::program(hook)));
  }
  return {};
}

/// Loads and pins under a staging name, published by one rename: a crash leaves nothing that
/// looks complete.
Result<> load_staged(const std::string& staging, const std::string& directory) {
  const Skeleton skeleton = SL_TRY(load_skeleton());
  SL_CHECK(make_on_bpffs(staging));
  SL_CHECK(pin_all(skeleton, staging));
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
  const UniqueFd program(bpf_obj_get((directory + "/" + pins::program(hook)).c_str()));
  if (!program && errno == ENOENT && hook == Hook::file_ioctl_compat) return false;
  if (!program) return fail_errno(Exit::bpf, "open the program of " + std::string(name(hook)));
  UniqueFd link;
  if (is_per_cgroup(hook)) {
    const UniqueFd cgroup = SL_TRY(open_anchor_cgroup(cgroup_mount));
    link.reset(bpf_link_create(program.get(), cgroup.get(), row_of(hook).attach, nullptr));
    // EINVAL is what the kernel says when all slots for distinct hooks are taken
    // (kernel/bpf/cgroup.c, bpf_cgroup_atype_find).
    if (!link && errno == EINVAL) {
      return fail(Exit::node, "no free slot for the hook " + std::string(name(hook)) +
                                  ": the kernel has ten for per-cgroup LSM hooks and others use "
                                  "them; `socklid doctor` counts them");
    }
  } else {
    link.reset(bpf_link_create(program.get(), 0, BPF_LSM_MAC, nullptr));
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

std::string_view object_hash() {
  return socket_guard_hash;
}

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
  for (const std::string& build : SL_TRY(names_in(pins::root()))) {
    for (const Hook hook : every_hook()) {
      const UniqueFd fd(bpf_obj_get((pins::directory(build) + "/" + pins::program(hook)).c_str()));
      bpf_prog_info info{};
      __u32 size = sizeof(info);
      if (fd && bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0) our_programs.insert(info.id);
    }
  }
  __u32 id = 0;
  while (bpf_link_get_next_id(id, &id) == 0) {
    const UniqueFd link(bpf_link_get_fd_by_id(id));
    bpf_link_info info{};
    __u32 size = sizeof(info);
    if (!link || bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) continue;
    if (info.type != BPF_LINK_TYPE_CGROUP || info.cgroup.attach_type != BPF_LSM_CGROUP) continue;
    const UniqueFd program(bpf_prog_get_fd_by_id(info.prog_id));
    bpf_prog_info details{};
    size = sizeof(details);
    if (!program || bpf_obj_get_info_by_fd(program.get(), &details, &size) != 0) continue;
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
