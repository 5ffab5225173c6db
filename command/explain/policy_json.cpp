// SPDX-License-Identifier: Apache-2.0
#include "command/explain/policy_json.hpp"

namespace socklid::command {

json::Value policy_json(const annotations::Policy& policy) {
  json::Object object;
  for (annotations::Written& one : annotations::written(policy)) {
    object.emplace(one.key, std::move(one.value));
  }
  return object;
}

}  // namespace socklid::command
