// SPDX-License-Identifier: Apache-2.0
#include "selftest/row.hpp"

#include <cerrno>
#include <utility>

namespace socklid::selftest {

Outcome failed(std::string step) {
  const int error = errno;
  return {.step = std::move(step), .error = error};
}

}  // namespace socklid::selftest
