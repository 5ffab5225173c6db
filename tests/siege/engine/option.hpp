// SPDX-License-Identifier: Apache-2.0
//
// Socket options and memberships: what a step of the grammar asks for, and the call that does it.
//
//   draw_option(chance, step);         // step.v: level, name, kind of value, value
//   set_option(fd, step, places);      // 0 or an errno
#pragma once

#include "tests/siege/engine/grammar.hpp"

namespace socklid::siege {

/// The ways to join a group, or an address of anycast.
enum class Way : unsigned {
  plain,            ///< IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP
  group,            ///< MCAST_JOIN_GROUP
  group_of_source,  ///< MCAST_JOIN_SOURCE_GROUP
  source,           ///< IP_ADD_SOURCE_MEMBERSHIP, with IPv6 as above
  filter,           ///< MCAST_MSFILTER with many sources
  filter_of_v4,     ///< IP_MSFILTER
  anycast,          ///< IPV6_JOIN_ANYCAST
  leave,            ///< MCAST_LEAVE_GROUP
};
constexpr unsigned ways = 8;

/// Any option of any level, with one of the kinds of values that options take.
void draw_option(Chance& chance, Step& step);
/// One that is about addresses, devices, routes or ports.
void draw_address_option(Chance& chance, Step& step);

/// Both return 0 or an errno.
int set_option(int socket, const Step& step, const Places& places);
int join(int socket, const Step& step, const Places& places);
/// Undoes join().
void leave(int socket, const Step& step, const Places& places);

}  // namespace socklid::siege
