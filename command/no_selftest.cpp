// SPDX-License-Identifier: Apache-2.0
//
// `socklid selftest` of a build without its rows (SOCKLID_SELFTEST=OFF).
#include "command/selftest.hpp"

namespace socklid::command {

Result<int> selftest(const SelftestOptions& /*options*/) {
  return fail(Exit::unsupported,
              "selftest: this build has no rows: build with SOCKLID_SELFTEST=ON, the default");
}

std::optional<int> selftest_program(int /*argc*/, char** /*argv*/) {
  return std::nullopt;
}

}  // namespace socklid::command
