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

}  // namespace

Keys restricting_keys(const Policy& policy) {
  return given(std::array<Item, 7>{{
      {"io.socklid.create", policy.create == Verdict::deny},
      {"io.socklid.create.tcp", policy.create_tcp == Verdict::deny},
      {"io.socklid.create.udp", policy.create_udp == Verdict::deny},
      {"io.socklid.families", policy.families.has_value()},
      {"io.socklid.connect", policy.connect == Verdict::deny},
      {"io.socklid.bind", policy.bind.otherwise == Verdict::deny},
      {"io.socklid.egress", policy.egress.has_value()},
  }});
}

Keys causes(Hook hook, const Policy& policy) {
  switch (hook) {
    case Hook::socket_create:
    case Hook::netlink_send:
    case Hook::bpf:
      return restricting_keys(policy);
    case Hook::socket_setsockopt: {
      Keys keys = restricting_keys(policy);
      if (policy.mark) keys.insert(keys.begin(), "io.socklid.mark");
      return keys;
    }
    case Hook::socket_post_create:
      return marking_keys(policy);
    case Hook::socket_bind:
      return {"io.socklid.bind"};
    case Hook::socket_connect:
      return {"io.socklid.connect"};
    case Hook::socket_sendmsg:
      return given(std::array<Item, 2>{{
          {"io.socklid.mark", policy.mark && !policy.egress},
          {"io.socklid.connect", policy.connect == Verdict::deny},
      }});
    case Hook::socket_listen:
      return given(std::array<Item, 2>{{
          {"io.socklid.bind", policy.bind.otherwise == Verdict::deny},
          {"io.socklid.listen", policy.listen == Verdict::deny},
      }});
    case Hook::socket_accept:
      return {"io.socklid.accept"};
    case Hook::socket_shutdown:
      return {"io.socklid.shutdown"};
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
    case SL_REASON_CGROUP:
      return restricting_keys(policy);
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
      "no other peer or mark for one send",
      "which sockets may listen",
      "which listeners may accept",
      "no option that would loosen the policy",
      "no shutdown of network sockets",
      "netlink may read routes, not change them",
      "no bpf(2)",
  };
  return purposes[static_cast<std::size_t>(hook)];
}

}  // namespace socklid::command
