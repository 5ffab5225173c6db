// SPDX-License-Identifier: Apache-2.0
//
// What a round does: a list of steps over a small pool of sockets, made from a seed and nothing
// else, so that the same seed is the same round, and a part of it can be run again by the numbers
// of its steps. It is a weighted grammar: a round is sentences, a sentence is steps. Sentences say
// what belongs together (two sockets that talk with each other, an address that is taken and then
// used), and draw their addresses, ports and options; none of them is an attack by itself.
//
//   for (const Step& step : round_of(seed, 150, places)) field.run(step);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/siege/engine/places.hpp"

namespace socklid::siege {

enum class Do : std::uint8_t {
  make,        ///< v: family, type, protocol, SO_REUSEADDR
  take,        ///< one that was made before the seal; v: which
  bind,        ///< to x
  connect,     ///< to x, or to where another one is: v[5]
  disconnect,  ///< AF_UNSPEC
  listen,
  accept,    ///< into `other`
  send,      ///< to x or v[5], if v[0]; v[1]: a control message; source y; v[2]: bytes
  send_two,  ///< sendmmsg(2): to x, then to y
  send_raw,  ///< a datagram with its header, from x to y
  receive,
  shutdown,
  close,
  dup,      ///< into `other`
  option,   ///< v: level, name, kind of value, value; y: its address
  join,     ///< group x, source y; v: way, sources
  sysctl,   ///< v: which, value
  netlink,  ///< v: kind of request; x
  ioctl,    ///< v: which; x
  race,     ///< v: how the socket is made, two actions, delay, tries, on one processor; x
  child,    ///< v: how many of the next steps, whether in namespaces of its own
  pause,    ///< v: milliseconds
  file,     ///< v: what is done, a path, another path (files.hpp)
};

struct Step {
  Do what{Do::pause};
  unsigned slot{0};
  unsigned other{0};
  Endpoint x, y;
  unsigned v[6]{};  ///< v[5] of connect and send: 1 + the slot whose own address it is
};

constexpr unsigned slots = 10;

/// At least `count` steps, and at most a sentence more.
std::vector<Step> round_of(std::uint64_t seed, unsigned count, const Places& places);

/// For the log: "bind 3 victim [10.77.0.1]:80".
std::string text_of(const Step& step, const Places& places);

}  // namespace socklid::siege
