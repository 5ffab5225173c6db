// SPDX-License-Identifier: Apache-2.0
//
// A copy of annotations/ to which add_annotation has added io.socklid.example: an enumerator, a
// member of Policy and a row, in two files. Fails when the parser, to_string(), JSON or explain's
// list of keys needs more than that to know a new annotation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "annotations/parser.hpp"
#include "annotations/policy.hpp"
#include "command/explain/explain.hpp"
#include "command/explain/policy_json.hpp"

namespace socklid::annotations {
namespace {

using ::testing::HasSubstr;

Policy denied() {
  return parse({{"io.socklid.example", "deny"}}).value();
}

TEST(AddedAnnotation, IsReadFromItsKeyAndFromADocument) {
  EXPECT_EQ(denied().example, Verdict::deny);
  EXPECT_EQ(given_keys(denied()), Keys{Key::example});
  EXPECT_EQ(parse({{"io.socklid.policy", R"({"example": "deny"})"}}), denied());
  EXPECT_EQ(parse({{"io.socklid.example/web", "deny"}}, "web"), denied());
}

TEST(AddedAnnotation, IsPrintedAsItWasWritten) {
  EXPECT_EQ(to_string(denied()), "io.socklid.example: deny\n");
  EXPECT_EQ(json::to_string(command::policy_json(denied())), R"({"io.socklid.example":"deny"})");
}

TEST(AddedAnnotation, IsExplainedAndSuggested) {
  EXPECT_THAT(command::keys_text(),
              HasSubstr("io.socklid.example=allow | deny\n    whether examples are allowed\n"));
  EXPECT_THAT(json::to_string(command::keys_json()), HasSubstr("io.socklid.example"));
  EXPECT_THAT(parse({{"io.socklid.exampel", "deny"}}).error().message,
              HasSubstr("did you mean io.socklid.example?"));
  EXPECT_THAT(parse({{"io.socklid.example", "no"}}).error().message,
              HasSubstr("expected allow or deny"));
}

}  // namespace
}  // namespace socklid::annotations
