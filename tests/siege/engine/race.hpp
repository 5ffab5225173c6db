// SPDX-License-Identifier: Apache-2.0
//
// Two threads at one socket: what one of them does comes between another's look and use.
//
//   draw_race(chance, step);
//   const int listener = race(step, places);      // a descriptor, or -1
#pragma once

#include "tests/siege/engine/grammar.hpp"

namespace socklid::siege {

/// By SO_ACCEPTCONN, socket(7).
bool is_listening(int socket);

void draw_race(Chance& chance, Step& step);
/// Tries the step's two actions, one of them again and again and one once, at sockets that are made
/// anew for each try. Returns the first
/// socket that listens on a port which is not the one that it was bound to, or else the last one;
/// -1 if none could be made.
int race(const Step& step, const Places& places);
std::string race_of(const Step& step);

}  // namespace socklid::siege
