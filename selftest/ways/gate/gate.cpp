// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/gate/gate.hpp"

#include <sys/mman.h>

#include <cstring>

namespace socklid::selftest {

Code32::~Code32() {
  if (start_ != nullptr) ::munmap(start_, size);
}

long Code32::copy(const void* data, std::size_t length) {
  if (start_ == nullptr || used_ + length > size) return 0;
  std::memcpy(start_ + used_, data, length);
  const long place = next();
  used_ += (length + 15) & ~std::size_t{15};
  return place;
}

}  // namespace socklid::selftest
