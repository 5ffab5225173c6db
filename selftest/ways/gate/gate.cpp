// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/gate/gate.hpp"

#include <cstring>

namespace socklid::selftest {

long Code32::copy(const void* data, std::size_t length) {
  if (start_ == nullptr || used_ + length > size) return 0;
  std::memcpy(start_ + used_, data, length);
  const long place = next();
  used_ += (length + 15) & ~std::size_t{15};
  return place;
}

}  // namespace socklid::selftest
