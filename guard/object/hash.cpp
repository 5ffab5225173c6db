// SPDX-License-Identifier: Apache-2.0
#include "guard/guard.hpp"
#include "socket_guard_hash.h"

namespace socklid {

std::string_view object_hash() {
  return socket_guard_hash;
}

}  // namespace socklid
