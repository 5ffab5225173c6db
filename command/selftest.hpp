// SPDX-License-Identifier: Apache-2.0
//
// socklid selftest: tries every known way round a policy on this node, in throwaway containers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace socklid::command {

struct SelftestOptions {
  bool json{false};
  bool strict{false};                 ///< what could not be tried is a failure too
  bool list{false};                   ///< prints the rows; tries nothing
  std::vector<std::string> patterns;  ///< only rows whose name contains one of these
  std::string policy;                 ///< the only one of those that rows share; empty: each
};

/// 0 if all holds, 1 if not. Needs root, but for the list.
[[nodiscard]] Result<int> selftest(const SelftestOptions& options);

/// If this is a program in one of its containers, what that has done, as an exit status
/// (selftest/ways/inside/program.hpp).
[[nodiscard]] std::optional<int> selftest_program(int argc, char** argv);

}  // namespace socklid::command
