// SPDX-License-Identifier: Apache-2.0
//
// Trial: one attempt in one arena, and whether its proof came.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "selftest/arena/arena.hpp"
#include "selftest/attempt.hpp"
#include "selftest/row.hpp"

namespace socklid::selftest {

/// Makes a scene after the other, none with the port or token of another.
class Scenes {
 public:
  /// Without its broker.
  [[nodiscard]] Scene next(Ip ip);

 private:
  std::uint32_t count_{0};
};

struct Trial {
  Ending ending;
  bool proof{false};
};

/// Carries `row` out and leaves nothing of it running. `scene` gets its broker here. Errors mean
/// that nothing is known, not that the attempt failed.
[[nodiscard]] Result<Trial> try_row(Arena& arena, const Row& row, Scene scene);

/// What a policy names gets through: the peer and, if it `serves`, the port that may be bound.
/// Otherwise an error, since a policy that stops everything proves nothing.
[[nodiscard]] Result<> check_named(Arena& arena, Scenes& scenes, bool serves);

}  // namespace socklid::selftest
