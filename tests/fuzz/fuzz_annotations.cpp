// SPDX-License-Identifier: Apache-2.0
//
// Annotations as "key: value" lines. Fails if the parser crashes, if its error is not fit to print,
// or if a policy it accepts does not read back as printed.
#include <cstdint>
#include <cstdlib>

#include "tests/unit/annotations/lines.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace socklid::annotations;
  const auto policy =
      parse(from_lines(std::string_view(reinterpret_cast<const char*>(data), size)));
  if (policy) {
    // Printed lists may be longer than a value may be: the document they came from holds more.
    for (const auto& [key, value] : from_lines(to_string(*policy))) {
      if (value.size() > max_value_bytes) return 0;
    }
    require(parse(from_lines(to_string(*policy))) == policy);
  } else {
    require(is_presentable(policy.error().message));
  }
  return 0;
}
