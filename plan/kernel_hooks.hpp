// SPDX-License-Identifier: Apache-2.0
//
// The kernel hooks that our programs attach to, a row each: what a hook is called and for, how it
// is attached, and which keys of a policy need it. A policy needs the hooks that have a key behind
// them (D2), so that what explain names as the cause is the cause.
//
//   needed_hooks(policy, NetnsKind::own)                     {Hook::socket_bind, ...}
//   causes(Hook::socket_bind, policy, NetnsKind::own)        {Key::bind}
#pragma once

#include <linux/bpf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#include "plan/causes.hpp"

namespace socklid {

/// First those of a cgroup: LSM programs, of which the kernel has ten slots for distinct hooks
/// (CGROUP_LSM_NUM, include/linux/bpf-cgroup-defs.h), and behind them others, which take none. Then
/// node-wide LSM programs, shared by all containers of the node (D2).
enum class Hook : std::uint8_t {
  socket_create,
  socket_post_create,
  socket_bind,
  socket_connect,
  socket_sendmsg,
  socket_listen,
  socket_accept,
  socket_setsockopt,
  sk_getsecid,
  inet_egress,
  inet_egress_labels,
  inet_ingress,
  sock_ops,
  group_join,
  sysctl,
  socket_shutdown,
  netlink_send,
  bpf,
  bpf_prog,
  file_ioctl,
  file_ioctl_compat,
  file_open,
  inode_mkdir,
  inode_symlink,
  key_alloc,
  sb_mount,
  fs_context_parse_param,
  sb_kern_mount,
  kernel_module_request,
  task_alloc,
  sctp_bind_connect,
  sock_graft,
  bprm_committed_creds,
  bprm_creds_for_exec,
  bprm_check_security,
  task_free,
  ptrace_access_check,
  inode_follow_link,
  ptrace_traceme,
  inode_create,
  inode_mknod,
  inode_link,
  inode_unlink,
  inode_rmdir,
  inode_rename,
  inode_setattr,
  inode_file_setattr,
  inode_setxattr,
  inode_removexattr,
  inode_set_acl,
  inode_remove_acl,
  move_mount,
  sb_umount,
  sb_pivotroot,
  capable,
};

struct HookInfo {  // NOLINT(clang-analyzer-optin.performance.Padding): as rows are read
  Hook hook{};
  std::string_view name;     ///< of its program, and of its pins
  bpf_attach_type attach{};  ///< BPF_LSM_MAC of node-wide LSM programs
  Because because{};         ///< the keys that need it; none: it is not attached
  std::string_view purpose;  ///< for explain, in a few words
  /// Some kernels lack it, and ask another hook of the table for what it is asked elsewhere.
  bool is_newer{false};
};

inline constexpr HookInfo hook_table[] = {
    {Hook::socket_create, "socket_create", BPF_LSM_CGROUP, because::restricts,
     "which sockets may be created"},
    {Hook::socket_post_create, "socket_post_create", BPF_LSM_CGROUP,
     because::either<because::marks, because::has_subjects>, "puts the mark on new sockets"},
    {Hook::socket_bind, "socket_bind", BPF_LSM_CGROUP, because::judges_ports,
     "which ports may be bound"},
    {Hook::socket_connect, "socket_connect", BPF_LSM_CGROUP, because::confines,
     "which peers may be connected to"},
    {Hook::socket_sendmsg, "socket_sendmsg", BPF_LSM_CGROUP, because::confines,
     "which peers a send may name"},
    {Hook::socket_listen, "socket_listen", BPF_LSM_CGROUP, because::judges_listens,
     "which sockets may listen"},
    {Hook::socket_accept, "socket_accept", BPF_LSM_CGROUP,
     because::given<annotations::Key::accept, annotations::Key::bind>,
     "which listeners may accept"},
    {Hook::socket_setsockopt, "socket_setsockopt", BPF_LSM_CGROUP, because::confines,
     "no option that would loosen the policy"},
    {Hook::sk_getsecid, "sk_getsecid", BPF_LSM_CGROUP, because::judges_flows,
     "no mark by a message that no hook sees"},
    {Hook::inet_egress, "inet_egress", BPF_CGROUP_INET_EGRESS,
     because::given<annotations::Key::egress>, "which packets may leave"},
    {Hook::inet_egress_labels, "inet_egress_labels", BPF_CGROUP_INET_EGRESS, because::judges_flows,
     "no packet with another mark or route than its socket's"},
    {Hook::inet_ingress, "inet_ingress", BPF_CGROUP_INET_INGRESS,
     because::given<annotations::Key::egress>, "no packet to a port that is not served"},
    {Hook::sock_ops, "sock_ops", BPF_CGROUP_SOCK_OPS,
     because::seals<annotations::Seal::Kind::listen>, "seals when the sockets listen"},
    {Hook::group_join, "group_join", BPF_CGROUP_SETSOCKOPT, because::counts_joins,
     "few multicast groups, one at a time"},
    {Hook::sysctl, "sysctl", BPF_CGROUP_SYSCTL, because::closes<&annotations::Deputies::sysctl>,
     "no sysctls of net/ but those of TCP"},
    {Hook::socket_shutdown, "socket_shutdown", BPF_LSM_MAC,
     because::given<annotations::Key::shutdown>, "no shutdown of network sockets"},
    {Hook::netlink_send, "netlink_send", BPF_LSM_MAC, because::restricts,
     "netlink may read routes, not change them"},
    {Hook::bpf, "bpf", BPF_LSM_MAC, because::guards_bpf, "no bpf(2) but for device programs"},
    {Hook::bpf_prog, "bpf_prog", BPF_LSM_MAC, because::guards_bpf,
     "no descriptor of other BPF programs"},
    {Hook::file_ioctl, "file_ioctl", BPF_LSM_MAC, because::closes_ioctls,
     "no ioctls that change routes or protected files, nor attach programs to perf"},
    {Hook::file_ioctl_compat, "file_ioctl_compat", BPF_LSM_MAC, because::closes_ioctls,
     "the same for 32-bit programs", true},
    {Hook::file_open, "file_open", BPF_LSM_MAC, because::holds,
     "no move to another cgroup; no writing to protected or network files"},
    {Hook::inode_mkdir, "inode_mkdir", BPF_LSM_MAC,
     because::either<because::closes<&annotations::Deputies::sysfs>, because::protects_files>,
     "no directories of configfs, none in protected places"},
    {Hook::inode_symlink, "inode_symlink", BPF_LSM_MAC,
     because::either<because::closes<&annotations::Deputies::sysfs>, because::protects_files>,
     "no links of configfs, none in protected places"},
    {Hook::key_alloc, "key_alloc", BPF_LSM_MAC, because::closes<&annotations::Deputies::keys>,
     "no keys that the host is asked for"},
    {Hook::sb_mount, "sb_mount", BPF_LSM_MAC,
     because::either<because::closes<&annotations::Deputies::mounts>, because::protects_files>,
     "no file systems of the network, none over protected files"},
    {Hook::fs_context_parse_param, "fs_context_parse_param", BPF_LSM_MAC,
     because::closes<&annotations::Deputies::mounts>, "the same, by fsconfig(2)"},
    {Hook::sb_kern_mount, "sb_kern_mount", BPF_LSM_MAC,
     because::closes<&annotations::Deputies::mounts>, "the same, where it needs no parameters"},
    {Hook::kernel_module_request, "kernel_module_request", BPF_LSM_MAC, because::restricts,
     "no modules of families and protocols that are closed"},
    {Hook::task_alloc, "task_alloc", BPF_LSM_MAC, because::holds,
     "no child starts in another cgroup"},
    {Hook::sctp_bind_connect, "sctp_bind_connect", BPF_LSM_MAC, because::names_sctp,
     "SCTP's own ways to bind and connect"},
    {Hook::sock_graft, "sock_graft", BPF_LSM_MAC, because::seals<annotations::Seal::Kind::accept>,
     "seals when a connection is accepted"},
    {Hook::bprm_committed_creds, "bprm_committed_creds", BPF_LSM_MAC,
     because::either<because::seals<annotations::Seal::Kind::after>, because::has_subjects>,
     "a program begins: the time of a seal, and its subjects"},
    {Hook::bprm_creds_for_exec, "bprm_creds_for_exec", BPF_LSM_MAC, because::has_subjects,
     "which subject a program is"},
    {Hook::bprm_check_security, "bprm_check_security", BPF_LSM_MAC, because::has_subjects,
     "the same of scripts and their interpreters"},
    {Hook::task_free, "task_free", BPF_LSM_MAC, because::has_subjects,
     "what ends is in no subject"},
    {Hook::ptrace_access_check, "ptrace_access_check", BPF_LSM_MAC, because::has_subjects,
     "no subject has a hold of a task that may do more"},
    {Hook::inode_follow_link, "inode_follow_link", BPF_LSM_MAC, because::has_subjects,
     "nor opens what that task has open"},
    {Hook::ptrace_traceme, "ptrace_traceme", BPF_LSM_MAC, because::has_subjects,
     "the same, where that task asks for it"},
    {Hook::inode_create, "inode_create", BPF_LSM_MAC, because::protects_files,
     "no new files among protected ones"},
    {Hook::inode_mknod, "inode_mknod", BPF_LSM_MAC, because::protects_files,
     "no new devices, pipes and sockets there"},
    {Hook::inode_link, "inode_link", BPF_LSM_MAC, because::protects_files,
     "no other names of protected files"},
    {Hook::inode_unlink, "inode_unlink", BPF_LSM_MAC, because::protects_files,
     "protected names stay"},
    {Hook::inode_rmdir, "inode_rmdir", BPF_LSM_MAC, because::protects_files,
     "the same of directories"},
    {Hook::inode_rename, "inode_rename", BPF_LSM_MAC, because::protects_files,
     "protected names stay, and get nothing else"},
    {Hook::inode_setattr, "inode_setattr", BPF_LSM_MAC, because::protects_files,
     "no other length, owner or mode of protected files"},
    {Hook::inode_file_setattr, "inode_file_setattr", BPF_LSM_MAC, because::protects_files,
     "no other flags of theirs, such as chattr's", true},
    {Hook::inode_setxattr, "inode_setxattr", BPF_LSM_MAC, because::protects_files,
     "no other attributes"},
    {Hook::inode_removexattr, "inode_removexattr", BPF_LSM_MAC, because::protects_files,
     "none are taken away"},
    {Hook::inode_set_acl, "inode_set_acl", BPF_LSM_MAC, because::protects_files,
     "no other access lists", true},
    {Hook::inode_remove_acl, "inode_remove_acl", BPF_LSM_MAC, because::protects_files,
     "none are taken away", true},
    {Hook::move_mount, "move_mount", BPF_LSM_MAC, because::protects_files,
     "nothing is mounted over protected files"},
    {Hook::sb_umount, "sb_umount", BPF_LSM_MAC, because::protects_files,
     "protected files stay mounted"},
    {Hook::sb_pivotroot, "sb_pivotroot", BPF_LSM_MAC, because::protects_files,
     "the root stays where protected files are"},
    {Hook::capable, "capable", BPF_LSM_MAC, because::protects_files,
     "the container's mounts are shared with no others"},
};

inline constexpr std::size_t hook_count = std::size(hook_table);

[[nodiscard]] constexpr std::size_t index_of(Hook hook) {
  return static_cast<std::size_t>(hook);
}
[[nodiscard]] constexpr const HookInfo& row_of(Hook hook) {
  return hook_table[index_of(hook)];
}
[[nodiscard]] constexpr bool is_per_cgroup(Hook hook) {
  return row_of(hook).attach != BPF_LSM_MAC;
}
/// Whether it takes one of the ten slots.
[[nodiscard]] constexpr bool takes_slot(Hook hook) {
  return row_of(hook).attach == BPF_LSM_CGROUP;
}

/// How many rows `is` holds for.
consteval std::size_t count_hooks(bool (*is)(Hook)) {
  std::size_t count = 0;
  for (const HookInfo& row : hook_table) count += is(row.hook) ? 1 : 0;
  return count;
}
inline constexpr std::size_t cgroup_hook_count = count_hooks(is_per_cgroup);
inline constexpr std::size_t lsm_slot_count = count_hooks(takes_slot);

/// A row stands where its enumerator says, and those that take slots stand before the other ones of
/// a cgroup, before node-wide ones.
consteval bool hooks_are_in_order() {
  for (std::size_t i = 0; i < hook_count; ++i) {
    const auto hook = static_cast<Hook>(i);
    if (hook_table[i].hook != hook || takes_slot(hook) != (i < lsm_slot_count) ||
        is_per_cgroup(hook) != (i < cgroup_hook_count)) {
      return false;
    }
  }
  return true;
}
static_assert(hooks_are_in_order());

[[nodiscard]] constexpr std::string_view name(Hook hook) {
  return row_of(hook).name;
}

/// In the order of the enumeration.
using Hooks = std::vector<Hook>;
[[nodiscard]] Hooks every_hook();
/// Those with a key behind them.
[[nodiscard]] Hooks needed_hooks(const annotations::Policy& policy, NetnsKind netns);

/// The keys that need the hook: without one of them, or without some of them together, it would not
/// be attached. Empty if it is not.
[[nodiscard]] annotations::Keys causes(Hook hook, const annotations::Policy& policy,
                                       NetnsKind netns);
/// The same of every hook, by index_of().
using Causes = std::array<annotations::Keys, hook_count>;
[[nodiscard]] Causes causes(const annotations::Policy& policy, NetnsKind netns);

}  // namespace socklid
