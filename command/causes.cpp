// SPDX-License-Identifier: Apache-2.0
#include "command/causes.hpp"

#include <array>

namespace socklid::command {
namespace {

using annotations::Policy;
using annotations::Verdict;

struct Item {
  std::string_view key;
  bool given;
};

template <std::size_t size>
Keys given(const std::array<Item, size>& items) {
  Keys keys;
  for (const Item& item : items) {
    if (item.given) keys.push_back(item.key);
  }
  return keys;
}

Keys marking_keys(const Policy& policy) {
  return given(std::array<Item, 2>{{{"io.socklid.mark", policy.mark.has_value()},
                                    {"io.socklid.egress", policy.egress.has_value()}}});
}

/// Those whose packets or sockets another socket than the container's own would evade.
Keys confining_keys(const Policy& policy) {
  Keys keys = restricting_keys(policy);
  if (policy.mark) keys.insert(keys.begin(), "io.socklid.mark");
  return keys;
}

/// Those that say what may arrive unasked.
Keys serving_keys(const Policy& policy) {
  return given(std::array<Item, 2>{{{"io.socklid.bind", policy.bind.otherwise == Verdict::deny},
                                    {"io.socklid.egress", policy.egress.has_value()}}});
}

/// All that the policy has.
Keys given_keys(const Policy& policy) {
  Keys keys = confining_keys(policy);
  for (const std::string_view key :
       given(std::array<Item, 3>{{{"io.socklid.listen", policy.listen == Verdict::deny},
                                  {"io.socklid.accept", policy.accept == Verdict::deny},
                                  {"io.socklid.shutdown", policy.shutdown == Verdict::deny}}})) {
    keys.push_back(key);
  }
  return keys;
}

}  // namespace

Keys restricting_keys(const Policy& policy) {
  return given(std::array<Item, 7>{{
      {"io.socklid.create", policy.create == Verdict::deny},
      {"io.socklid.create.tcp", policy.create_tcp == Verdict::deny},
      {"io.socklid.create.udp", policy.create_udp == Verdict::deny},
      {"io.socklid.families", policy.families.has_value()},
      {"io.socklid.connect", policy.connect.otherwise == Verdict::deny},
      {"io.socklid.bind", policy.bind.otherwise == Verdict::deny},
      {"io.socklid.egress", policy.egress.has_value()},
  }});
}

Keys causes(Hook hook, const Policy& policy) {
  switch (hook) {
    case Hook::socket_create:
    case Hook::netlink_send:
    case Hook::bpf:
    case Hook::file_ioctl:
    case Hook::file_ioctl_compat:
    case Hook::sctp_bind_connect:
      return restricting_keys(policy);
    case Hook::file_open:
    case Hook::task_alloc:
      return given_keys(policy);
    case Hook::socket_connect:
    case Hook::socket_sendmsg:
    case Hook::socket_setsockopt:
    case Hook::inet_egress:
      return confining_keys(policy);
    case Hook::socket_post_create:
      return marking_keys(policy);
    case Hook::inet_ingress:
      return serving_keys(policy);
    case Hook::socket_bind:
      return given(std::array<Item, 5>{{
          {"io.socklid.create", policy.create == Verdict::deny},
          {"io.socklid.create.tcp", policy.create_tcp == Verdict::deny},
          {"io.socklid.create.udp", policy.create_udp == Verdict::deny},
          {"io.socklid.bind", policy.bind.otherwise == Verdict::deny},
          {"io.socklid.egress", policy.egress.has_value()},
      }});
    case Hook::socket_listen:
      return given(std::array<Item, 6>{{
          {"io.socklid.create", policy.create == Verdict::deny},
          {"io.socklid.create.tcp", policy.create_tcp == Verdict::deny},
          {"io.socklid.create.udp", policy.create_udp == Verdict::deny},
          {"io.socklid.bind", policy.bind.otherwise == Verdict::deny},
          {"io.socklid.listen", policy.listen == Verdict::deny},
          {"io.socklid.egress", policy.egress.has_value()},
      }});
    case Hook::socket_accept:
      return {"io.socklid.accept"};
    case Hook::socket_shutdown:
      return {"io.socklid.shutdown"};
    case Hook::sock_ops:
    case Hook::sock_graft:
    case Hook::bprm_committed_creds:
      return {"io.socklid.seal"};
  }
  return {};
}

Keys causes(sl_reason reason, const Policy& policy) {
  switch (reason) {
    case SL_REASON_FAMILY:
      return policy.families ? Keys{"io.socklid.families"} : restricting_keys(policy);
    case SL_REASON_MARK:
      return marking_keys(policy);
    case SL_REASON_PROTOCOL:
    case SL_REASON_SETSOCKOPT:
    case SL_REASON_NETLINK:
    case SL_REASON_BPF:
    case SL_REASON_IOCTL:
      return restricting_keys(policy);
    case SL_REASON_CGROUP:
      return given_keys(policy);
    case SL_REASON_FOREIGN:
      return confining_keys(policy);
    case SL_REASON_ARRIVAL:
      return serving_keys(policy);
    case SL_REASON_NONE:
    case SL_REASON_UNCONFIGURED:
      return {};
    default:
      return {annotation_of(reason)};
  }
}

std::string_view purpose(Hook hook) {
  constexpr std::array<std::string_view, hook_count> purposes = {
      "which sockets may be created",
      "puts the mark on new sockets",
      "which ports may be bound",
      "which peers may be connected to",
      "which peers a send may name",
      "which sockets may listen",
      "which listeners may accept",
      "no option that would loosen the policy",
      "no packet with another mark or route than its socket's",
      "no packet to a port that is not served",
      "seals when the sockets listen",
      "no shutdown of network sockets",
      "netlink may read routes, not change them",
      "no bpf(2)",
      "ioctls may read routes, not change them",
      "the same for 32-bit programs",
      "no task moves to another cgroup",
      "no child starts in another cgroup",
      "SCTP's own ways to bind and connect",
      "seals when a connection is accepted",
      "the seal's time begins with the program",
  };
  return purposes[static_cast<std::size_t>(hook)];
}

}  // namespace socklid::command
