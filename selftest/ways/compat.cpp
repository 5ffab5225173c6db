// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/compat.hpp"

#include <linux/net.h>

#include <array>
#include <cstring>

#include "selftest/ways/gate/gate.hpp"

namespace socklid::selftest {
namespace {

constexpr int backlog = 8;

/// A call: its own number, and its number of socketcall(2).
struct Call {
  Call32 direct;
  long multiplexed;
};
constexpr Call call_socket{Call32::socket, SYS_SOCKET}, call_bind{Call32::bind, SYS_BIND};
constexpr Call call_connect{Call32::connect, SYS_CONNECT}, call_listen{Call32::listen, SYS_LISTEN};
constexpr Call call_setsockopt{Call32::setsockopt, SYS_SETSOCKOPT};
constexpr Call call_sendto{Call32::sendto, SYS_SENDTO};
constexpr Call call_shutdown{Call32::shutdown, SYS_SHUTDOWN};

int call(Gate gate, Code32& code, const Call& which, const Code32::Arguments& arguments) {
  if (gate == Gate::direct) return code.call(which.direct, arguments);
  std::array<std::uint32_t, 6> packed{};
  for (std::size_t i = 0; i < packed.size(); ++i) {
    packed[i] = static_cast<std::uint32_t>(arguments[i]);
  }
  const long copy = code.copy(packed.data(), sizeof(packed));
  return code.call(Call32::socketcall, {which.multiplexed, copy, 0, 0, 0, 0});
}

}  // namespace

UniqueFd compat_socket(Gate gate, int family, int type, int protocol) {
  Code32 code;
  return UniqueFd(call(gate, code, call_socket, {family, type | SOCK_CLOEXEC, protocol, 0, 0, 0}));
}

bool compat_connect(Gate gate, int fd, const Address& peer) {
  Code32 code;
  const long copy = code.copy(&peer.storage, peer.length);
  return call(gate, code, call_connect, {fd, copy, peer.length, 0, 0, 0}) == 0;
}

bool compat_bind(Gate gate, int fd, const Address& local) {
  Code32 code;
  const long copy = code.copy(&local.storage, local.length);
  return call(gate, code, call_bind, {fd, copy, local.length, 0, 0, 0}) == 0;
}

bool compat_listen(Gate gate, int fd) {
  Code32 code;
  return call(gate, code, call_listen, {fd, backlog, 0, 0, 0, 0}) == 0;
}

bool compat_sendto(Gate gate, int fd, std::string_view data, const Address& peer, int flags) {
  Code32 code;
  const long copy = code.copy(data.data(), data.size());
  const long to = code.copy(&peer.storage, peer.length);
  return call(gate, code, call_sendto,
              {fd, copy, static_cast<long>(data.size()), flags | MSG_NOSIGNAL, to, peer.length}) >=
         0;
}

bool compat_setsockopt(Gate gate, int fd, int level, int option, std::string_view value) {
  Code32 code;
  const long copy = code.copy(value.data(), value.size());
  return call(gate, code, call_setsockopt,
              {fd, level, option, copy, static_cast<long>(value.size()), 0}) == 0;
}

bool compat_shutdown(Gate gate, int fd, int how) {
  Code32 code;
  return call(gate, code, call_shutdown, {fd, how, 0, 0, 0, 0}) == 0;
}

std::string_view lacks(Gate gate) {
#ifndef __x86_64__
  if (gate == Gate::multiplexed) return "socketcall(2) is of x86";
#endif
  static_cast<void>(gate);
  return lacks_code32();
}

}  // namespace socklid::selftest
