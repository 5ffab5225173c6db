// SPDX-License-Identifier: Apache-2.0
//
// Whether podman would call us. Fails when doctor is content with a file that podman skips.
#include "command/doctor/hooks_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace socklid::command {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string entry(const std::string& stage, const std::string& version = "1.0.0") {
  return R"({"version": ")" + version +
         R"(", "hook": {"path": "/x/socklid-hook", "args": ["socklid-hook", ")" + stage +
         R"("]}, "when": {"annotations": {"^io\\.socklid\\.": ".*"}}, "stages": [")" + stage +
         R"("]})";
}

const HooksFile create{"/usr", "socklid-createruntime.json", entry("createRuntime")};
const HooksFile remove_file{"/usr", "socklid-poststop.json", entry("poststop")};

TEST(HooksJson, BothStagesAreThere) {
  const HooksFindings found = judge_hooks({create, remove_file});
  EXPECT_THAT(found.problems, IsEmpty());
  ASSERT_EQ(found.entries.size(), 2u);
  EXPECT_EQ(found.entries[0].path, "/x/socklid-hook");
}

TEST(HooksJson, EachMissingStageIsNamed) {
  EXPECT_THAT(judge_hooks({create}).problems,
              ElementsAre("no file calls socklid-hook at poststop"));
  EXPECT_EQ(judge_hooks({}).problems.size(), 2u);
}

TEST(HooksJson, ALaterFileOfTheSameNameMasks) {
  const HooksFile other{"/etc", create.name, R"({"version": "1.0.0"})"};
  HooksFile renamed = other;
  renamed.name = "other.json";
  EXPECT_THAT(judge_hooks({create, remove_file, renamed}).problems, IsEmpty());
  HooksFile foreign = create;
  foreign.name = "aa.json";
  HooksFile masking{"/etc", "aa.json", "{}"};
  EXPECT_THAT(judge_hooks({foreign, remove_file, masking}).problems,
              ElementsAre("/usr/aa.json is masked by /etc/aa.json",
                          "no file calls socklid-hook at createRuntime"));
  EXPECT_THAT(judge_hooks({create, remove_file, other}).problems,
              ElementsAre(HasSubstr("/etc/socklid-createruntime.json: hook.path"),
                          HasSubstr("createRuntime")));
}

TEST(HooksJson, WhatPodmanWouldNotCall) {
  const auto message = [](const std::string& text) {
    const auto parsed = parse_hook_entry(text);
    return parsed ? std::string() : parsed.error().message;
  };
  EXPECT_EQ(message(entry("poststop")), "");
  EXPECT_THAT(message("{"), HasSubstr("not JSON"));
  EXPECT_THAT(message(entry("poststop", "0.1.0")), HasSubstr("version"));
  EXPECT_THAT(message(R"({"version": "1.0.0", "hook": {"path": "socklid-hook"}})"),
              HasSubstr("absolute"));
  EXPECT_THAT(message(R"({"version": "1.0.0", "hook": {"path": "/x"}, "when": {}})"),
              HasSubstr("matches no container"));
  EXPECT_THAT(message(R"({"version": "1.0.0", "hook": {"path": "/x", "args": ["a", "poststop"]},
                         "when": {"always": true}, "stages": ["poststop", "createRuntime"]})"),
              HasSubstr("for the stage createRuntime"));
  EXPECT_THAT(message(R"({"version": "1.0.0", "hook": {"path": "/x"}, "when": {"always": true},
                         "stages": "poststop"})"),
              HasSubstr("stages is no array"));
}

}  // namespace
}  // namespace socklid::command
