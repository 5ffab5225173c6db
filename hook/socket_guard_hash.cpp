// SPDX-License-Identifier: Apache-2.0
#include "socket_guard_hash.h"
#include "hook/socket_guard.hpp"

namespace socklid {

std::string_view object_hash() {
  return socket_guard_hash;
}

}  // namespace socklid
