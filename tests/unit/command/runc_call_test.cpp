// SPDX-License-Identifier: Apache-2.0
//
// Fails when: socklid-runc takes a call for another than runc would, looks for its bundle
// elsewhere, leaves our hooks out of an annotated bundle, changes anything else of a bundle, or
// touches one without an annotation of ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "command/docker/runc_call.hpp"

namespace socklid::command {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* ours =
    R"({"createRuntime":[{"args":["socklid-hook","createRuntime"],"path":"/h","timeout":60}],)"
    R"("poststop":[{"args":["socklid-hook","poststop"],"path":"/h","timeout":60}]})";

TEST(RuncCall, AsContainerdsShimMakesIt) {
  const RuncCall call =
      parse_runc_call({"--root", "/var/run/docker/runtime-runc/moby", "--log", "/run/task/log.json",
                       "--log-format", "json", "--systemd-cgroup", "create", "--bundle",
                       "/run/task", "--pid-file", "/run/task/pid", "5f"});
  EXPECT_EQ(call, (RuncCall{.makes_container = true,
                            .bundle = "/run/task",
                            .log = "/run/task/log.json",
                            .log_is_json = true}));
}

TEST(RuncCall, OptionsInEveryForm) {
  for (const std::vector<std::string_view>& words :
       std::vector<std::vector<std::string_view>>{{"create", "--bundle", "/b", "x"},
                                                  {"create", "-b", "/b", "x"},
                                                  {"create", "--bundle=/b", "x"},
                                                  {"run", "-bundle", "/b", "x"},
                                                  {"--debug", "run", "-b=/b", "x"},
                                                  {"restore", "--b", "/a", "--bundle", "/b", "x"},
                                                  {"--root", "create", "run", "-b", "/b", "x"},
                                                  {"--root=/create", "run", "-b", "/b", "x"}}) {
    const RuncCall call = parse_runc_call(words);
    EXPECT_TRUE(call.makes_container) << words.front();
    EXPECT_EQ(call.bundle, "/b") << words.front();
  }
  EXPECT_EQ(parse_runc_call({"create", "x"}).bundle, ".");
}

TEST(RuncCall, OthersMakeNoContainer) {
  for (const std::vector<std::string_view>& words :
       std::vector<std::vector<std::string_view>>{{},
                                                  {"--version"},
                                                  {"--root", "create"},
                                                  {"--root"},
                                                  {"exec", "x", "create"},
                                                  {"start", "create"},
                                                  {"delete", "--force", "x"}}) {
    EXPECT_FALSE(parse_runc_call(words).makes_container);
  }
}

std::string hooked(const std::string& config) {
  const auto made = hooked_bundle(config, "/h");
  EXPECT_TRUE(made) << made.error().message;
  const std::string text = made.value_or(std::nullopt).value_or("none");
  EXPECT_TRUE(text == "none" || json::parse(text)) << text;
  return text;
}

TEST(HookedBundle, OnlyWithAnAnnotationOfOurs) {
  for (const char* config : {"{}", R"({"annotations": {}})", R"({"annotations": null})",
                             R"({"annotations": {"socklid": "x", "org.io.socklid.x": "y"}})",
                             R"({"process": {"annotations": {"io.socklid.bind": "deny"}}})"}) {
    EXPECT_EQ(hooked(config), "none");
  }
  EXPECT_NE(hooked(R"({"annotations": {"io.socklid.bnid": "deny"}})"), "none");
  // Nearly ours: the hook refuses it, where nobody would read it.
  EXPECT_NE(hooked(R"({"annotations": {"io.Socklid/bind": "deny"}})"), "none");
  EXPECT_NE(hooked(R"({"annotations": {"\u0069o.socklid.bind": "deny"}})"), "none");
}

TEST(HookedBundle, LeavesTheRestByteForByte) {
  const std::string rest =
      R"( "process":{"rlimits":[{"hard":18446744073709551615}]}, "annotations":{"io.socklid.bind":)"
      R"("deny","x":"a \"hooks\": {b}"}, "f" : 1e0)";
  EXPECT_EQ(hooked("{" + rest + "}"), std::string("{\"hooks\":") + ours + "," + rest + "}");
  EXPECT_EQ(hooked("{" + rest + ", \"hooks\" : null }"), "{" + rest + ", \"hooks\" :" + ours + "}");
  EXPECT_EQ(hooked("{\"hooks\":{}," + rest + "}"),
            std::string("{\"hooks\":") + ours + "," + rest + "}");
}

TEST(HookedBundle, KeepsTheHooksOfOthers) {
  const std::string text =
      hooked(R"({"a":{"hooks":[]},"hooks":{"prestart":[{"path":"/proc/1/exe",)"
             R"("args":["libnetwork-setkey","}"]}],)"
             R"("createRuntime":[{"path":"/other"}]},"annotations":{"io.socklid.bind":"deny"}})");
  EXPECT_THAT(
      text, AllOf(StartsWith(R"({"a":{"hooks":[]},"hooks":{"createRuntime":[{"path":"/other"},{)"),
                  HasSubstr("libnetwork-setkey"),
                  HasSubstr(R"("poststop":[{"args":["socklid-hook","poststop"])")));
  EXPECT_EQ(hooked(text), text) << "a second time changes it";
}

TEST(HookedBundle, WhatIsNoConfigIsAnError) {
  for (const char* config : {"", "[]", "{", R"({"annotations":{"io.socklid.bind":""},"hooks":7})",
                             R"({"annotations":{"io.socklid.bind":""},"\u0068ooks":{}})"}) {
    EXPECT_FALSE(hooked_bundle(config, "/h")) << config;
  }
}

}  // namespace
}  // namespace socklid::command
