// SPDX-License-Identifier: Apache-2.0
//
// What socklid-runc makes of a call of runc's. Pure.
//
//   const RuncCall call = parse_runc_call(arguments);
//   if (call.makes_container) use(call.bundle);
//
// Arguments are read as runc's own library reads them (urfave/cli on Go's package flag). Options
// have one dash or two. A value stands behind `=` or in the next argument. If an option is given
// twice, the last one counts. Other arguments are left to runc. Without --bundle the bundle is the
// working directory, as with runc, and without a config.json in it the call fails.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace socklid::command {

struct RuncCall {
  bool makes_container{false};  ///< create, run or restore, which call the hooks of a bundle
  std::string bundle{"."};
  std::string log;          ///< where whoever calls runc looks for the reason of a failure
  bool log_is_json{false};  ///< else runc's text
  friend bool operator==(const RuncCall&, const RuncCall&) = default;
};

/// `arguments` without the program's name.
[[nodiscard]] RuncCall parse_runc_call(const std::vector<std::string_view>& arguments);

/// The bundle's config.json with the program `hook` at createRuntime and poststop, as with_hooks()
/// puts it there; nothing if no annotation is ours. All else stays byte for byte: numbers, too,
/// that json::Value would round, as an rlimit without limit. Errors (Exit::state): no OCI runtime
/// config.
[[nodiscard]] Result<std::optional<std::string>> hooked_bundle(std::string_view config,
                                                               const std::string& hook);

}  // namespace socklid::command
