// SPDX-License-Identifier: Apache-2.0
#include "selftest/guard.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "plan/reasons.hpp"

namespace socklid::selftest {
namespace {

/// A guard of the programs counts by its reason, which has its name from plan/reasons.hpp; one of
/// the rules by the comments of its rules, and has its name from the first.
struct Entry {
  Guard guard{};
  sl_reason reason{SL_REASON_NONE};
  std::array<std::string_view, 2> comments{};
};

constexpr Entry table[] = {
    {Guard::family, SL_REASON_FAMILY},
    {Guard::protocol, SL_REASON_PROTOCOL},
    {Guard::create, SL_REASON_CREATE},
    {Guard::create_tcp, SL_REASON_CREATE_TCP},
    {Guard::create_udp, SL_REASON_CREATE_UDP},
    {Guard::connect, SL_REASON_CONNECT},
    {Guard::bind, SL_REASON_BIND},
    {Guard::listen, SL_REASON_LISTEN},
    {Guard::accept, SL_REASON_ACCEPT},
    {Guard::shutdown, SL_REASON_SHUTDOWN},
    {Guard::mark, SL_REASON_MARK},
    {Guard::option, SL_REASON_SETSOCKOPT},
    {Guard::netlink, SL_REASON_NETLINK},
    {Guard::bpf, SL_REASON_BPF},
    {Guard::ioctl, SL_REASON_IOCTL},
    {Guard::cgroup, SL_REASON_CGROUP},
    {Guard::join, SL_REASON_JOIN},
    {Guard::foreign, SL_REASON_FOREIGN},
    {Guard::packet_out, SL_REASON_EGRESS},
    {Guard::packet_in, SL_REASON_ARRIVAL},
    {Guard::packet_source, SL_REASON_SOURCE},
    {Guard::key, SL_REASON_KEY},
    {Guard::mount, SL_REASON_MOUNT},
    {Guard::sysfs, SL_REASON_SYSFS},
    {Guard::sysctl, SL_REASON_SYSCTL},
    {Guard::module, SL_REASON_MODULE},
    {Guard::subject, SL_REASON_SUBJECT},
    {Guard::hours, SL_REASON_HOURS},
    {Guard::trace, SL_REASON_TRACE},
    {Guard::file, SL_REASON_FILE},
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
    {Guard::foreign_source,
     SL_REASON_NONE,
     {"io.socklid.egress: not an address of this namespace"}},
    {Guard::not_named, SL_REASON_NONE, {"io.socklid.egress: not named"}},
    {Guard::forwarded, SL_REASON_NONE, {"io.socklid.egress: forwarded"}},
    {Guard::inbound, SL_REASON_NONE, {"io.socklid.bind: not named"}},
    {Guard::harmless, SL_REASON_NONE},
};

consteval bool in_order() {
  for (std::size_t i = 0; i < std::size(table); ++i) {
    if (table[i].guard != static_cast<Guard>(i)) return false;
  }
  return std::size(table) == static_cast<std::size_t>(Guard::harmless) + 1;
}
static_assert(in_order(), "a row for each Guard, in the order of the enumeration");

constexpr const Entry& row_of(Guard guard) {
  return table[static_cast<std::size_t>(guard)];
}

}  // namespace

const std::vector<Guard>& all_guards() {
  static const std::vector<Guard> all = [] {
    std::vector<Guard> guards;
    for (const Entry& entry : table) guards.push_back(entry.guard);
    return guards;
  }();
  return all;
}

std::string_view name_of(Guard guard) {
  if (guard == Guard::harmless) return "nothing: harmless";
  const auto comments = comments_of(guard);
  return comments.empty() ? socklid::name_of(reason_of(guard)) : comments.front();
}

sl_reason reason_of(Guard guard) {
  return row_of(guard).reason;
}

std::span<const std::string_view> comments_of(Guard guard) {
  const auto& comments = row_of(guard).comments;
  const auto end = std::find(comments.begin(), comments.end(), std::string_view());
  return {comments.begin(), end};
}

}  // namespace socklid::selftest
