// SPDX-License-Identifier: Apache-2.0
//
// Report: what a run of `socklid selftest` says. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "selftest/run.hpp"

namespace socklid::selftest {

struct Summary {
  std::size_t rows{0};  ///< cases: a row once for each version of IP
  std::size_t runs{0};
  std::size_t hold{0};
  std::size_t open{0};  ///< and whatever else does not hold
  std::size_t not_tried{0};
  std::size_t absent{0};  ///< the kernel has no such way: a fact, and no failure
};

[[nodiscard]] Summary summary_of(const std::vector<Finding>& findings);
/// "212 rows, 636 runs: 630 hold, 0 open, 6 not tried", and ", 6 not there" where there are any
[[nodiscard]] std::string to_string(const Summary& summary);
/// Whether all that was tried holds and, if `strict`, all was tried. Nothing tried is no success.
[[nodiscard]] bool is_good(const Summary& summary, bool strict);

/// Lines of a table whose widths are known before the first of its lines is.
class Table {
 public:
  explicit Table(const std::vector<Case>& all);
  [[nodiscard]] std::string header() const;
  /// The heading of the group first, if it is another one than before.
  [[nodiscard]] std::string line(const Finding& finding);

 private:
  std::size_t name_width_;
  std::string_view group_;
};

/// "holds", "OPEN", "wrong guard", "no answer", "not tried", "not there".
[[nodiscard]] std::string_view name_of(Seen seen);
[[nodiscard]] json::Value to_json(const std::vector<Finding>& findings);

}  // namespace socklid::selftest
