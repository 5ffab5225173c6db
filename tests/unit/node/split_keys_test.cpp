// SPDX-License-Identifier: Apache-2.0
//
// Fails if an annotation whose key holds "=" can stand in the place of a key of the operator's or
// of an engine's, as in states by runc; or if an honest value with "=" is refused.
#include "node/split_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.hpp"

namespace socklid {
namespace {

using annotations::Annotations;
using ::testing::HasSubstr;

const std::string subject = "io.socklid.subject.web";
const std::string value = "/usr/sbin/httpd create.tcp=deny";

TEST(SplitKeys, OnlyValuesWithAnEqualsSignOfKeysThatCountMay) {
  EXPECT_TRUE(may_be_split({{subject, value}}));
  EXPECT_TRUE(may_be_split({{"io.Socklid/readonly", "/a=b"}}));
  EXPECT_TRUE(may_be_split({{"io.kubernetes.cri.container-name", "a=b"}}));
  EXPECT_FALSE(may_be_split({}));
  EXPECT_FALSE(may_be_split({{"io.socklid.egress", "tcp/443"}, {"example.org/x", "a=b"}}));
}

TEST(SplitKeys, WhatConfigSaysIsHonest) {
  const std::string config = R"({"hooks": {"annotations": {"io.socklid.subject.web": "x"}},
      "annotations": {"io.socklid.subject.web": "/usr/sbin/httpd create.tcp\u003ddeny",
                      "other": "\u0000"}})";
  EXPECT_TRUE(check_no_split_key({{subject, value}, {"other", "x=y"}}, config));
}

TEST(SplitKeys, AnotherKeysHalfIsRefusedByName) {
  const std::string halves = R"("io.socklid.subject.web=/bin/sh create.tcp": "deny")";
  for (const std::string& config :
       {"{\"annotations\": {" + halves + ", \"" + subject + "\": \"" + value + "\"}}",
        "{\"annotations\": {" + halves + "}}", std::string("{}"),
        R"({"x": {"annotations": {")" + subject + R"(": "/bin/sh create.tcp=deny"}}})",
        R"({"annotations": {")" + subject + R"(": "/bin/sh create.tcp=deny", ")" + subject +
            R"(": 7}})"}) {
    const auto done = check_no_split_key({{subject, "/bin/sh create.tcp=deny"}}, config);
    ASSERT_FALSE(done) << config;
    EXPECT_EQ(done.error().exit, Exit::annotation);
    EXPECT_THAT(done.error().message, HasSubstr(subject));
  }
}

TEST(SplitKeys, AConfigThatDoesNotReadIsRefusedIfItMatters) {
  const TemporaryDirectory bundle;
  ContainerState state{
      .id = "web", .status = "created", .pid = 1, .bundle = bundle.path(), .annotations = {}};
  EXPECT_TRUE(check_no_split_key(state));
  state.annotations = {{subject, value}};
  EXPECT_EQ(check_no_split_key(state).error().exit, Exit::state);
  bundle.write("/config.json", "{\"annotations\": {\"" + subject + "\": \"" + value + "\"");
  EXPECT_EQ(check_no_split_key(state).error().exit, Exit::state);
  bundle.write("/config.json", "{\"annotations\": {\"" + subject + "\": \"" + value + "\"}}");
  EXPECT_TRUE(check_no_split_key(state));
  for (const std::string none : {"", "/"}) {
    state.bundle = none;
    EXPECT_TRUE(check_no_split_key(state)) << "crun in a user namespace";
  }
}

}  // namespace
}  // namespace socklid
