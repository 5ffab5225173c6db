// SPDX-License-Identifier: Apache-2.0
//
// Fails if io.socklid.policy means anything else than the same keys one by one, if it contradicts
// them unnoticed, or if its limits are off by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

using ::testing::HasSubstr;

Policy document(const std::string& json) {
  return policy_of({{"io.socklid.policy", json}});
}

std::string document_error(const std::string& json) {
  return refusal({{"io.socklid.policy", json}});
}

/// `count` different endpoints as a JSON array.
std::string endpoints(std::size_t count, std::string_view protocol) {
  std::string array = "[";
  for (std::size_t port = 0; port < count; ++port) {
    if (port > 0) array += ',';
    array += '"' + std::string(protocol) + '/' + std::to_string(port) + '"';
  }
  return array + ']';
}

TEST(Document, MeansWhatTheKeysMean) {
  const Annotations one_by_one{{"io.socklid.create", "deny"},
                               {"io.socklid.create.tcp", "deny"},
                               {"io.socklid.create.udp", "allow"},
                               {"io.socklid.families", "inet inet6"},
                               {"io.socklid.connect", "deny"},
                               {"io.socklid.bind", "tcp/80 udp/53"},
                               {"io.socklid.listen", "allow"},
                               {"io.socklid.accept", "deny"},
                               {"io.socklid.shutdown", "deny"},
                               {"io.socklid.mark", "3"},
                               {"io.socklid.egress", "tcp@::1 icmp"},
                               {"io.socklid.otherwise", "drop"},
                               {"io.socklid.seal", "start"},
                               {"io.socklid.mode", "enforce"},
                               {"io.socklid.options", "transparent source-groups"}};
  EXPECT_EQ(document(R"({"create":"deny","create.tcp":"deny","create.udp":"allow",
                         "families":["inet","inet6"],"connect":"deny","bind":["udp/53","tcp/80"],
                         "listen":"allow","accept":"deny","shutdown":"deny","mark":3,
                         "egress":"icmp, tcp@::1","otherwise":"drop","seal":"start",
                         "options":["source-groups","transparent"],"mode":"enforce"})"),
            policy_of(one_by_one));
  EXPECT_EQ(document("{}"), Policy{});
  EXPECT_EQ(document(R"({"egress":[]})").egress, std::vector<Endpoint>{});
  EXPECT_EQ(document(R"({"mark":"0x10/0xf0"})").mark, (Mark{0x10, 0xf0}));
  EXPECT_EQ(document(R"({"bind":"deny"})").bind, Endpoints{});
}

TEST(Document, SaysWhereItsJsonIsWrong) {
  EXPECT_EQ(document_error(R"({"a":1 "b":2})"),
            "io.socklid.policy: \"{\\\"a\\\":1 \\\"b\\\":2}\": at byte 8: Missing a comma or '}' "
            "after an object member.");
  EXPECT_EQ(document_error("[]"),
            "io.socklid.policy: \"[]\": expected a JSON object, found an array");
  EXPECT_THAT(document_error(R"({"bind":"deny","bind":"deny"})"), HasSubstr("Duplicate name"));
  for (const char* json : {"", "null", "\"deny\"", "{\"bind\":\"deny\"", "{} {}", "\xff"}) {
    document_error(json);
  }
}

TEST(Document, PointsIntoTheMembersValue) {
  EXPECT_EQ(document_error(R"({"bind":"tcp/80 udp/x"})"),
            "io.socklid.policy: bind: \"tcp/80 udp/x\": at byte 12 (\"x\"): expected a port from 0 "
            "to 65535");
  EXPECT_EQ(document_error(R"({"bind":["tcp/80","udp/x"]})"),
            "io.socklid.policy: bind: \"tcp/80 udp/x\": at byte 12 (\"x\"): expected a port from 0 "
            "to 65535");
  EXPECT_EQ(document_error(R"({"mark":-3})"),
            "io.socklid.policy: mark: \"-3\": at byte 1 (\"-3\"): expected a mark: N or N/MASK, "
            "each decimal or 0x and up to 8 digits");
  EXPECT_THAT(document_error(R"({"egress":"tcp\u00e9"})"), HasSubstr("printable ASCII"));
}

TEST(Document, RefusesUnknownMembers) {
  EXPECT_EQ(document_error(R"({"conect":"deny"})"),
            "io.socklid.policy: conect: unknown member; did you mean connect?");
  EXPECT_EQ(document_error(R"({"io.socklid.bind":"deny"})"),
            "io.socklid.policy: io.socklid.bind: unknown member; did you mean bind?");
  EXPECT_EQ(document_error(R"({"firewall":1})"),
            "io.socklid.policy: firewall: unknown member; there are create create.tcp create.udp "
            "families options connect bind listen accept shutdown mark egress otherwise seal "
            "deputies bpf answers subjects readonly mode profile");
  EXPECT_EQ(document_error(R"({"policy":{}})"),
            "io.socklid.policy: policy: a policy can't hold another policy");
  for (const char* json : {R"({"":1})", R"({"bind/web":"deny"})", R"({"\u001b[1m\n":1})"}) {
    document_error(json);
  }
}

TEST(Document, RefusesValuesOfOtherTypes) {
  EXPECT_EQ(document_error(R"({"create":true})"),
            "io.socklid.policy: create: expected a string, found a boolean");
  EXPECT_EQ(document_error(R"({"create":["deny"]})"),
            "io.socklid.policy: create: expected a string, found an array");
  EXPECT_EQ(document_error(R"({"egress":{}})"),
            "io.socklid.policy: egress: expected a string or an array of strings, found an object");
  EXPECT_EQ(document_error(R"({"egress":["tcp/80",443]})"),
            "io.socklid.policy: egress: expected a string or an array of strings, found an array "
            "with a number");
  EXPECT_EQ(document_error(R"({"mark":3.5})"),
            "io.socklid.policy: mark: expected a string or an integer, found a number");
  for (const char* json : {R"({"bind":null})", R"({"bind":80})", R"({"mark":[3]})"}) {
    document_error(json);
  }
}

TEST(Document, WantsOneItemInEachStringOfAnArray) {
  EXPECT_EQ(document_error(R"({"egress":["tcp/80 udp/53"]})"),
            "io.socklid.policy: egress: \"tcp/80 udp/53\": expected one item in each string of an "
            "array");
  for (const char* json : {R"({"egress":[""]})", R"({"egress":[" tcp"]})", R"({"bind":["deny"]})",
                           R"({"bind":["allow"]})", R"({"bind":[]})"}) {
    document_error(json);
  }
}

TEST(Document, AddsToKeysThatSaySomethingElse) {
  EXPECT_EQ(to_string(policy_of({{"io.socklid.policy", R"({"bind":"deny","mark":3})"},
                                 {"io.socklid.connect", "deny"}})),
            "io.socklid.connect: deny\nio.socklid.bind: deny\nio.socklid.mark: 0x3\n");
}

TEST(Document, MayRepeatAKeyButNotContradictIt) {
  EXPECT_EQ(policy_of({{"io.socklid.policy", R"({"mark":"0x3","bind":["udp/1","tcp/1"]})"},
                       {"io.socklid.mark", "3"},
                       {"io.socklid.bind", "tcp/1;udp/1"}})
                .mark,
            Mark{3});
  EXPECT_EQ(refusal({{"io.socklid.policy", R"({"mark":4})"}, {"io.socklid.mark", "3"}}),
            "io.socklid.mark: \"3\": contradicts io.socklid.policy: mark: \"4\"; give one of them");
  refusal({{"io.socklid.policy", R"({"create":"allow"})"}, {"io.socklid.create", "deny"}});
  refusal({{"io.socklid.policy", R"({"create":"deny"})"}, {"io.socklid.create", "allow"}});
}

TEST(Document, OfAContainerReplacesThatOfThePod) {
  Annotations annotations{{"io.socklid.policy", R"({"bind":"deny","connect":"deny"})"},
                          {"io.socklid.policy/web", R"({"bind":"tcp/80"})"},
                          {"io.socklid.policy/db", R"({"bind":"tcp/1"})"}};
  EXPECT_EQ(to_string(policy_of(annotations, "web")), "io.socklid.bind: tcp/80\n");
  annotations["io.socklid.bind/web"] = "tcp/81";
  EXPECT_EQ(refusal(annotations, "web"),
            "io.socklid.bind/web: \"tcp/81\": contradicts io.socklid.policy/web: bind: \"tcp/80\"; "
            "give one of them");
}

TEST(Document, HoldsTwoHundredKibibytes) {
  std::string json = "{}";
  json.resize(max_policy_bytes, ' ');
  EXPECT_EQ(document(json), Policy{});
  EXPECT_EQ(document_error(json + ' '), "io.socklid.policy: \"{}" + std::string(78, ' ') +
                                            "…\": 204801 bytes, the limit is 204800");
}

TEST(Document, HoldsTenThousandEndpointsInAllListsTogether) {
  const auto json = [](std::size_t bind, std::size_t egress) {
    return R"({"bind":)" + endpoints(bind, "tcp") + R"(,"egress":)" + endpoints(egress, "udp") +
           '}';
  };
  const Policy policy = document(json(4000, 6000));
  EXPECT_EQ(policy.bind->size() + policy.egress->size(), max_endpoints);
  EXPECT_EQ(document_error(json(4000, 6001)),
            "io.socklid.policy: 10001 endpoints in all lists together, the limit is 10000");
  document_error(R"({"egress":)" + endpoints(10'001, "tcp") + '}');
}

}  // namespace
}  // namespace socklid::annotations
