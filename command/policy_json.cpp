// SPDX-License-Identifier: Apache-2.0
#include "command/policy_json.hpp"

#include "base/text.hpp"

namespace socklid::command {

json::Value policy_json(const annotations::Policy& policy) {
  constexpr std::string_view separator = ": ";
  const std::string text = annotations::to_string(policy);
  json::Object object;
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t end = line.find(separator);
    if (end == std::string_view::npos) continue;
    object.emplace(line.substr(0, end), line.substr(end + separator.size()));
  }
  return object;
}

}  // namespace socklid::command
