// SPDX-License-Identifier: Apache-2.0
//
// Fails if the JSON reader crashes, or if a document it accepts does not read back as written.
#include <cstdint>
#include <cstdlib>

#include "base/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace json = socklid::json;
  const auto value = json::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!value) return 0;
  if (json::parse(json::to_string(*value)) != value) std::abort();
  if (json::parse(json::to_pretty_string(*value)) != value) std::abort();
  return 0;
}
