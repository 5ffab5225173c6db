// SPDX-License-Identifier: Apache-2.0
//
// Sends: to an address or to the peer, with control messages, two at once, or with a header of its
// own.
//
//   const int error = send_step(fd, peer, step, places);      // 0 or an errno
#pragma once

#include "tests/siege/engine/grammar.hpp"

namespace socklid::siege {

/// The control messages that a step may ask for are 1 to so many; 1 is a source address.
constexpr unsigned control_kinds = 8;

/// `to`: where it goes, if the step names a peer.
int send_step(int socket, const sockaddr_storage& to, const Step& step, const Places& places);
int send_two(int socket, const Step& step, const Places& places);
int send_raw(int socket, const Step& step, const Places& places);

/// What fits the socket: IPv4 for IPv6 sockets in disguise.
sockaddr_storage for_socket(int socket, const Endpoint& endpoint, const Places& places);

}  // namespace socklid::siege
