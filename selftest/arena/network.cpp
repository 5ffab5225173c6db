// SPDX-License-Identifier: Apache-2.0
#include "selftest/arena/network.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <string>
#include <utility>

#include "selftest/row.hpp"
#include "selftest/ways/broker.hpp"

namespace socklid::selftest {
namespace {

struct Setting {
  std::string_view name;
  std::string_view value;
  bool must{true};
};

/// Documentation/networking/ip-sysctl.rst. tcp_fastopen: client 1, server 2, data without a cookie
/// 4 (client) and 0x200 (server), every listener 0x400. ping_group_range: as engines set it.
constexpr Setting ipv4_settings[]{
    {"net/ipv4/tcp_fastopen", "1543"},
    {"net/ipv4/ip_forward", "1"},
    {"net/ipv4/ping_group_range", "0 2147483647"},
    {"net/ipv4/conf/all/rp_filter", "0"},
    {"net/ipv4/conf/default/rp_filter", "0"},
    {"net/ipv4/conf/all/accept_source_route", "1"},
    {"net/ipv4/conf/default/accept_source_route", "1"},
    {"net/ipv4/conf/all/send_redirects", "0"},
    {"net/ipv4/conf/default/send_redirects", "0"},
};
constexpr Setting ipv6_settings[]{
    {"net/ipv6/conf/all/disable_ipv6", "0"},
    {"net/ipv6/conf/default/disable_ipv6", "0"},
    {"net/ipv6/conf/default/accept_dad", "0"},
    {"net/ipv6/conf/default/accept_ra", "0"},
    {"net/ipv6/conf/all/forwarding", "1"},
    {"net/ipv6/conf/all/accept_source_route", "1"},
    {"net/ipv6/conf/default/accept_source_route", "1"},
    {"net/ipv6/conf/all/seg6_enabled", "1", false},
    {"net/ipv6/conf/default/seg6_enabled", "1", false},
};

bool has_ipv6() {
  return ::access("/proc/sys/net/ipv6", F_OK) == 0;
}

Result<> apply(const Setting& setting) {
  const auto done = set_sysctl(setting.name, setting.value);
  return setting.must ? done : Result<>{};
}

Result<NetnsRef> current_netns() {
  NetnsRef netns;
  netns.fd.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!netns.fd || ::fstat(netns.fd.get(), &status) != 0) {
    return fail_errno(Exit::netns, "open a network namespace");
  }
  netns.inode = status.st_ino;
  return netns;
}

/// Fresh, with its settings and its loopback.
Result<NetnsRef> make_namespace() {
  // Comes back here even on an error.
  const NetnsRef here = SL_TRY(current_netns());
  const NetnsGuard home = SL_TRY(NetnsGuard::enter(here));
  if (::unshare(CLONE_NEWNET) != 0) return fail_errno(Exit::netns, "make a network namespace");
  for (const Setting& setting : ipv4_settings) SL_CHECK(apply(setting));
  if (has_ipv6()) {
    for (const Setting& setting : ipv6_settings) SL_CHECK(apply(setting));
  }
  SL_CHECK(set_up(loopback_index));
  return current_netns();
}

struct Peer {
  std::string_view ipv4;
  std::string_view ipv6;
};

struct Side {
  const NetnsRef& netns;
  const End& end;
  std::vector<Peer> addresses;
};

/// Addresses of this side, and how to reach those of the other.
Result<> address(const Side& side, const Side& other) {
  const NetnsGuard there = SL_TRY(NetnsGuard::enter(side.netns));
  for (const Peer& own : side.addresses) {
    SL_CHECK(add_address(side.end.index, own.ipv4, 24));
    if (has_ipv6()) SL_CHECK(add_address(side.end.index, own.ipv6, 64));
  }
  for (const Peer& peer : other.addresses) {
    SL_CHECK(add_neighbour(side.end.index, peer.ipv4, other.end.mac));
    if (has_ipv6()) SL_CHECK(add_neighbour(side.end.index, peer.ipv6, other.end.mac));
  }
  return {};
}

Result<LinkWatch> start(const Side& side) {
  const NetnsGuard there = SL_TRY(NetnsGuard::enter(side.netns));
  LinkWatch watch = SL_TRY(LinkWatch::open());
  SL_CHECK(set_up(side.end.index));
  return watch;
}

/// `host` has `gateway` as its way to everywhere.
Result<> join(const Side& host, const Side& gateway) {
  {
    const NetnsGuard there = SL_TRY(NetnsGuard::enter(gateway.netns));
    SL_CHECK(add_veth(gateway.end, host.end, host.netns.fd.get()));
  }
  const LinkWatch host_watch = SL_TRY(start(host));
  const LinkWatch gateway_watch = SL_TRY(start(gateway));
  SL_CHECK(host_watch.wait_for(host.end.index));
  SL_CHECK(gateway_watch.wait_for(gateway.end.index));
  SL_CHECK(address(host, gateway));
  SL_CHECK(address(gateway, host));
  const NetnsGuard there = SL_TRY(NetnsGuard::enter(host.netns));
  const Peer& first = gateway.addresses.front();
  SL_CHECK(add_default_route(host.end.index, first.ipv4));
  if (has_ipv6()) SL_CHECK(add_default_route(host.end.index, first.ipv6));
  return {};
}

}  // namespace

Result<Network> make_network() {
  Network network{.inside = SL_TRY(make_namespace()),
                  .receiver = SL_TRY(make_namespace()),
                  .elsewhere = SL_TRY(make_namespace()),
                  .ipv6 = has_ipv6()};
  SL_CHECK(join({network.inside, inside_end, {{inside4, inside6}}},
                {network.receiver, receiver_end, {{target4, target6}, {named4, named6}}}));
  SL_CHECK(join({network.elsewhere, elsewhere_end, {{elsewhere4, elsewhere6}}},
                {network.receiver, receiver_far_end, {{gateway4, gateway6}}}));
  return network;
}

}  // namespace socklid::selftest
