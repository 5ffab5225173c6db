// SPDX-License-Identifier: Apache-2.0
//
// socklid doctor: what this node needs for policies and whether it has it, and why containers were
// refused lately. Leaves the node as it found it.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "command/doctor/check.hpp"
#include "system/log.hpp"

namespace socklid::command {

struct Diagnosis {
  std::vector<Check> checks;
  std::vector<Refusal> refusals;  ///< newest first, at most refusals_shown
};
inline constexpr std::size_t refusals_shown = 10;

struct DoctorOptions {
  bool json{false};
  bool strict{false};  ///< a risk is a failure
};

/// Whether nothing failed, and with `strict` nothing is a risk either.
[[nodiscard]] bool healthy(const Diagnosis& diagnosis, bool strict = false);

/// "ok   what: detail", "RISK what: whose; remedy", "FAIL what: cause; remedy".
[[nodiscard]] std::string to_string(const Check& check);
[[nodiscard]] std::string doctor_text(const Diagnosis& diagnosis);
[[nodiscard]] json::Value doctor_json(const Diagnosis& diagnosis, bool strict = false);

/// 1 if it is not healthy.
[[nodiscard]] Result<int> doctor(const DoctorOptions& options);

}  // namespace socklid::command
