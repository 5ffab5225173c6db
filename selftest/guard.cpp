// SPDX-License-Identifier: Apache-2.0
#include "selftest/guard.hpp"

#include <algorithm>

#include "hook/plan.hpp"

namespace socklid::selftest {
namespace {

struct Entry {
  Guard guard{};
  sl_reason reason{SL_REASON_NONE};
  std::vector<std::string_view> comments{};
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      {Guard::family, SL_REASON_FAMILY, {}},
      {Guard::protocol, SL_REASON_PROTOCOL, {}},
      {Guard::create, SL_REASON_CREATE, {}},
      {Guard::create_tcp, SL_REASON_CREATE_TCP, {}},
      {Guard::create_udp, SL_REASON_CREATE_UDP, {}},
      {Guard::connect, SL_REASON_CONNECT, {}},
      {Guard::bind, SL_REASON_BIND, {}},
      {Guard::listen, SL_REASON_LISTEN, {}},
      {Guard::accept, SL_REASON_ACCEPT, {}},
      {Guard::shutdown, SL_REASON_SHUTDOWN, {}},
      {Guard::mark, SL_REASON_MARK, {}},
      {Guard::option, SL_REASON_SETSOCKOPT, {}},
      {Guard::netlink, SL_REASON_NETLINK, {}},
      {Guard::bpf, SL_REASON_BPF, {}},
      {Guard::ioctl, SL_REASON_IOCTL, {}},
      {Guard::cgroup, SL_REASON_CGROUP, {}},
      {Guard::foreign, SL_REASON_FOREIGN, {}},
      {Guard::unmarked, SL_REASON_NONE, {"io.socklid.mark: unmarked or foreign mark"}},
      {Guard::socket_mark, SL_REASON_NONE, {"io.socklid.mark: not the mark of its socket"}},
      {Guard::routing_header,
       SL_REASON_NONE,
       {"io.socklid.egress: routing header", "io.socklid.bind: routing header"}},
      {Guard::loose_route,
       SL_REASON_NONE,
       {"io.socklid.egress: loose source route", "io.socklid.bind: loose source route"}},
      {Guard::strict_route,
       SL_REASON_NONE,
       {"io.socklid.egress: strict source route", "io.socklid.bind: strict source route"}},
      {Guard::not_named, SL_REASON_NONE, {"io.socklid.egress: not named"}},
      {Guard::forwarded, SL_REASON_NONE, {"io.socklid.egress: forwarded"}},
      {Guard::inbound, SL_REASON_NONE, {"io.socklid.bind: not named"}},
      {Guard::harmless, SL_REASON_NONE, {}},
  };
  return all;
}

const Entry& entry_of(Guard guard) {
  static const Entry none{};
  const auto found = std::find_if(entries().begin(), entries().end(),
                                  [&](const Entry& entry) { return entry.guard == guard; });
  return found == entries().end() ? none : *found;
}

}  // namespace

const std::vector<Guard>& all_guards() {
  static const std::vector<Guard> all = [] {
    std::vector<Guard> guards;
    for (const Entry& entry : entries()) guards.push_back(entry.guard);
    return guards;
  }();
  return all;
}

std::string_view name_of(Guard guard) {
  if (guard == Guard::harmless) return "nothing: harmless";
  const Entry& entry = entry_of(guard);
  return entry.comments.empty() ? socklid::name_of(entry.reason) : entry.comments.front();
}

sl_reason reason_of(Guard guard) {
  return entry_of(guard).reason;
}

const std::vector<std::string_view>& comments_of(Guard guard) {
  return entry_of(guard).comments;
}

}  // namespace socklid::selftest
