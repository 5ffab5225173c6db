// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "tests/siege/engine/files.hpp"
#include "tests/siege/engine/grammar.hpp"
#include "tests/siege/engine/node.hpp"
#include "tests/siege/engine/race.hpp"

namespace socklid::siege {
namespace {

constexpr std::array<const char*, 23> step_names{
    "make",     "take",     "bind",    "connect",  "disconnect", "listen", "accept", "send",
    "send_two", "send_raw", "receive", "shutdown", "close",      "dup",    "option", "join",
    "sysctl",   "netlink",  "ioctl",   "race",     "child",      "pause",  "file"};
constexpr std::array<const char*, 8> join_names{
    "plain", "group", "group of a source", "source", "filter", "v4 filter", "anycast", "leave"};

std::string endpoint(const Endpoint& one, const Places& places) {
  return std::string(name_of(one.role)) + " " + text_of(places.address(one));
}

std::string peer(const Step& step, const Places& places) {
  if (step.v[5] != 0) return "where " + std::to_string(step.v[5] - 1) + " is";
  return endpoint(step.x, places);
}

}  // namespace

std::string text_of(const Step& step, const Places& places) {
  std::ostringstream out;
  out << step_names.at(static_cast<std::size_t>(step.what));
  switch (step.what) {
    case Do::make:
      out << ' ' << step.slot << " family " << step.v[0] << " type " << step.v[1] << " protocol "
          << step.v[2];
      break;
    case Do::bind:
      out << ' ' << step.slot << ' ' << endpoint(step.x, places);
      break;
    case Do::connect:
      out << ' ' << step.slot << ' ' << peer(step, places);
      break;
    case Do::accept:
    case Do::dup:
      out << ' ' << step.slot << " into " << step.other;
      break;
    case Do::send:
      out << ' ' << step.slot << " to " << (step.v[0] != 0 ? peer(step, places) : "its peer")
          << ", " << step.v[2] << " bytes";
      if (step.v[1] != 0)
        out << ", control message " << step.v[1] << " of " << endpoint(step.y, places);
      break;
    case Do::send_two:
      out << ' ' << step.slot << " to " << endpoint(step.x, places) << " and "
          << endpoint(step.y, places);
      break;
    case Do::send_raw:
      out << ' ' << step.slot << " from " << endpoint(step.x, places) << " to "
          << endpoint(step.y, places);
      break;
    case Do::option:
      out << ' ' << step.slot << " level " << step.v[0] << " name " << step.v[1] << " kind "
          << step.v[2] << " value " << step.v[3] << " of " << name_of(step.y.role);
      break;
    case Do::join:
      out << ' ' << step.slot << ' ' << join_names.at(step.v[0]) << ' ' << endpoint(step.x, places)
          << " source " << endpoint(step.y, places) << " times " << step.v[1];
      break;
    case Do::file:
      out << ' ' << change_of(step);
      break;
    case Do::sysctl:
      out << ' ' << sysctl_of(step);
      break;
    case Do::netlink:
    case Do::ioctl:
      out << ' ' << step.v[0] << ' ' << endpoint(step.x, places);
      break;
    case Do::race:
      out << ' ' << step.slot << ' ' << endpoint(step.x, places) << ' ' << race_of(step);
      break;
    case Do::child:
      out << " of " << step.v[0] << " steps" << (step.v[1] != 0 ? " in namespaces of its own" : "");
      break;
    default:
      out << ' ' << step.slot;
  }
  return out.str();
}

}  // namespace socklid::siege
