// SPDX-License-Identifier: Apache-2.0
//
// Fails if a key that was meant to be ours is ignored, if somebody else's is taken for one, or if
// the engines that read hooks.d would not call the hook for what the hook refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>

#include "base/json.hpp"
#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

using ::testing::HasSubstr;

constexpr const char* nearly[] = {
    "io.socklid",          "io.socklid/egress",   "io.Socklid.egress",    "IO.SOCKLID.egress",
    "socklid.io/egress",   "io_socklid_egress",   "io-socklid-egress",    "io.socklidx.bind",
    "socklid.io.bind/web", "/io/socklid/connect", "iosocklidegress",      "Socklid.IO/Egress",
    "_io.socklid.egress",  "io..socklid.egress",  "io.sock-lid.egress/x", "socklid.io"};

constexpr const char* others[] = {"",
                                  "io",
                                  "io.sockli",
                                  "io.socklie.bind",
                                  "org.io.socklid.bind",
                                  "socklid.bind",
                                  "xio.socklid.bind",
                                  "io.socklıd.bind",
                                  "io socklid.egress",
                                  "container.apparmor.security.beta.kubernetes.io/socklid"};

TEST(NearlyOurs, AreRefusedWhateverTheirValue) {
  for (const std::string key : nearly) {
    EXPECT_TRUE(is_nearly_ours(key)) << key;
    EXPECT_TRUE(any({{"a", ""}, {key, ""}, {"z", ""}})) << key;
    EXPECT_THAT(refusal({{key, "deny"}}), HasSubstr("nearly an annotation of socklid's")) << key;
    refusal({{key, ""}, {"io.socklid.connect", "deny"}});
  }
}

TEST(NearlyOurs, AreNoKeysOfOthersAndNoneOfOurs) {
  for (const std::string key : others) {
    EXPECT_FALSE(is_nearly_ours(key) || concerns_us(key)) << key;
    EXPECT_EQ(policy_of({{key, "x"}}), Policy{}) << key;
  }
  for (const KeyInfo& info : keys()) {
    EXPECT_FALSE(is_nearly_ours(info.name.view())) << info.name.view();
    EXPECT_TRUE(concerns_us(info.name.view())) << info.name.view();
  }
}

TEST(NearlyOurs, AreToldWhatWasMeant) {
  EXPECT_EQ(
      refusal({{"io.socklid/egress", "udp/53"}}),
      "io.socklid/egress: nearly an annotation of socklid's, which nobody would read; did you "
      "mean io.socklid.egress?");
  EXPECT_THAT(refusal({{"SOCKLID.io/create_TCP", "deny"}}), HasSubstr("io.socklid.create.tcp?"));
  EXPECT_THAT(refusal({{"io_socklid_conect", "deny"}}), HasSubstr("io.socklid.connect?"));
  EXPECT_THAT(refusal({{"io.socklid", "deny"}}), HasSubstr("there are io.socklid.create"));
  refusal({{"io-socklid-" + std::string(100'000, 'x'), "deny"}});
  refusal({{"io_socklid\n\x1b", "deny"}});
}

TEST(NearlyOurs, AreWhatHooksFilesMatch) {
  std::ifstream file(SOCKLID_HOOKS_FILES "/socklid-createruntime.json.in");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto document = json::parse(text);
  ASSERT_TRUE(document);
  const json::Object& patterns = document->find("when")->find("annotations")->object();
  ASSERT_EQ(patterns.size(), 1U);
  std::string pattern = patterns.begin()->first;
  // Of RE2's flags, which std::regex takes elsewhere.
  ASSERT_TRUE(pattern.starts_with("(?i)^"));
  pattern.erase(0, 4);
  const std::regex matches(pattern, std::regex::ECMAScript | std::regex::icase);
  for (const std::string key : nearly) EXPECT_TRUE(std::regex_search(key, matches)) << key;
  for (const std::string key : others) EXPECT_FALSE(std::regex_search(key, matches)) << key;
  for (const KeyInfo& info : keys()) {
    const std::string name(info.name.view());
    EXPECT_TRUE(std::regex_search(name, matches)) << name;
    EXPECT_TRUE(std::regex_search(name + "/web", matches)) << name;
  }
}

}  // namespace
}  // namespace socklid::annotations
