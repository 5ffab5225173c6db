// SPDX-License-Identifier: Apache-2.0
//
// Files: what a step does to protected files, to what leads to them, and to others, by their names
// and by others that mounts and links give them. Who judges it looks from outside.
//
//   prepare_files();                       // before a round: the free ones are as they were
//   draw_change(chance, step);             // step.v: what, a path, another path
//   const int error = change_file(step);   // 0 or an errno
#pragma once

#include <string>

#include "tests/siege/engine/chance.hpp"
#include "tests/siege/engine/grammar.hpp"

namespace socklid::siege {

void prepare_files();
void draw_change(Chance& chance, Step& step);
int change_file(const Step& step);
/// "rename /safe/file /free/new"; for the log.
std::string change_of(const Step& step);

}  // namespace socklid::siege
