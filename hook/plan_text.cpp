// SPDX-License-Identifier: Apache-2.0
//
// Names of hooks and reasons, and a plan in words: for explain, inspect and error messages.
#include <array>

#include "hook/plan.hpp"

namespace socklid {
namespace {

constexpr std::array<std::string_view, hook_count> hook_names = {"socket_create",
                                                                 "socket_post_create",
                                                                 "socket_bind",
                                                                 "socket_connect",
                                                                 "socket_sendmsg",
                                                                 "socket_listen",
                                                                 "socket_accept",
                                                                 "socket_setsockopt",
                                                                 "inet_egress",
                                                                 "inet_ingress",
                                                                 "sock_ops",
                                                                 "socket_shutdown",
                                                                 "netlink_send",
                                                                 "bpf",
                                                                 "file_ioctl",
                                                                 "file_ioctl_compat",
                                                                 "file_open",
                                                                 "task_alloc",
                                                                 "sctp_bind_connect",
                                                                 "sock_graft",
                                                                 "bprm_committed_creds"};

struct ReasonText {
  std::string_view what;
  std::string_view annotation;
};

// The guards and closures are the doing of every key that restricts the network.
constexpr std::string_view any_restricting = "io.socklid.* (the policy restricts the network)";

constexpr std::array<ReasonText, SL_REASON_COUNT> reason_texts = {{
    {"none", ""},
    {"any (policy not written)", ""},
    {"create (family)", "io.socklid.families"},
    {"create (protocol)", any_restricting},
    {"create", "io.socklid.create"},
    {"create (tcp)", "io.socklid.create.tcp"},
    {"create (udp)", "io.socklid.create.udp"},
    {"connect", "io.socklid.connect"},
    {"bind", "io.socklid.bind"},
    {"listen", "io.socklid.listen"},
    {"accept", "io.socklid.accept"},
    {"shutdown", "io.socklid.shutdown"},
    {"another mark", "io.socklid.mark"},
    {"setsockopt", any_restricting},
    {"netlink write", any_restricting},
    {"bpf", any_restricting},
    {"network ioctl", any_restricting},
    {"leave the cgroup", "io.socklid.* (any policy)"},
    {"foreign socket", any_restricting},
    {"packet out", "io.socklid.egress"},
    {"packet in", "io.socklid.bind"},
}};

}  // namespace

Hooks every_hook() {
  Hooks hooks;
  for (std::size_t i = 0; i < hook_count; ++i) hooks.push_back(static_cast<Hook>(i));
  return hooks;
}

std::string_view name(Hook hook) {
  return hook_names[static_cast<std::size_t>(hook)];
}
std::string_view name_of(sl_reason reason) {
  return reason_texts[reason].what;
}
std::string_view annotation_of(sl_reason reason) {
  return reason_texts[reason].annotation;
}

std::string to_string(const Plan& plan) {
  std::string text = "hooks, per cgroup:";
  for (const Hook hook : plan.hooks) {
    if (is_per_cgroup(hook)) text += " " + std::string(name(hook));
  }
  text += "\nhooks, node-wide:";
  for (const Hook hook : plan.hooks) {
    if (!is_per_cgroup(hook)) text += " " + std::string(name(hook));
  }
  text += '\n';
  for (const std::string& note : plan.notes) text += "note: " + note + '\n';
  return text;
}

}  // namespace socklid
