// SPDX-License-Identifier: Apache-2.0
//
// Short forms for tests of the parser: what a set of annotations means, or how it is refused.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "annotations/parser.hpp"
#include "tests/unit/annotations/lines.hpp"

namespace socklid::annotations {

/// The policy, or a failed test and the default one.
inline Policy policy_of(const Annotations& annotations, std::string_view container = {}) {
  auto policy = parse(annotations, container);
  if (!policy) ADD_FAILURE() << policy.error().message;
  return policy ? *policy : Policy{};
}

/// The error, or a failed test; its message is fit to print, whatever was in the annotations.
inline Error error_of(const Annotations& annotations, std::string_view container = {}) {
  const auto policy = parse(annotations, container);
  if (policy) {
    ADD_FAILURE() << "no error, but:\n" << to_string(*policy);
    return {};
  }
  EXPECT_TRUE(is_presentable(policy.error().message)) << policy.error().message;
  return policy.error();
}

/// The message of an Exit::annotation.
inline std::string refusal(const Annotations& annotations, std::string_view container = {}) {
  const Error error = error_of(annotations, container);
  EXPECT_EQ(error.exit, Exit::annotation) << error.message;
  return error.message;
}

/// The message of an Exit::unsupported.
inline std::string not_available(const Annotations& annotations, std::string_view container = {}) {
  const Error error = error_of(annotations, container);
  EXPECT_EQ(error.exit, Exit::unsupported) << error.message;
  return error.message;
}

}  // namespace socklid::annotations
