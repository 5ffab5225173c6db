// SPDX-License-Identifier: Apache-2.0
//
// Fails if a key of ours is ignored (I8), if somebody else's is not, if the wrong container of a
// pod takes a key, or if what this version can't do is refused as anything but that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

using ::testing::HasSubstr;

TEST(Keys, OfOthersAreIgnored) {
  const Annotations others{{"io.sockli", "x"},
                           {"io.socklie.", "x"},
                           {"org.io.socklid.bind", "x"},
                           {"socklid.bind", "x"},
                           {"container.apparmor.security.beta.kubernetes.io/socklid", "x"}};
  EXPECT_FALSE(any(others));
  EXPECT_EQ(policy_of(others), Policy{});
  EXPECT_FALSE(any({}));
  EXPECT_EQ(policy_of({}), Policy{});
}

TEST(Keys, OfOursAreSeenAmongOthers) {
  EXPECT_TRUE(any({{"a", ""}, {"io.socklid.bind", ""}, {"z", ""}}));
  EXPECT_TRUE(any({{"io.socklid.", ""}}));
  EXPECT_TRUE(any({{"io.socklid.bind/other", ""}}));
}

TEST(Keys, EachSetTheirOwnPartOfThePolicy) {
  const struct {
    const char* key;
    Verdict Policy::*verdict;
  } cases[] = {{"io.socklid.create", &Policy::create},
               {"io.socklid.create.tcp", &Policy::create_tcp},
               {"io.socklid.create.udp", &Policy::create_udp},
               {"io.socklid.listen", &Policy::listen},
               {"io.socklid.accept", &Policy::accept},
               {"io.socklid.shutdown", &Policy::shutdown}};
  for (const auto& [key, verdict] : cases) {
    Policy expected;
    expected.*verdict = Verdict::deny;
    EXPECT_EQ(policy_of({{key, "deny"}}), expected) << key;
    EXPECT_EQ(policy_of({{key, "allow"}}), Policy{}) << key;
    EXPECT_EQ(refusal({{key, "Deny"}}),
              std::string(key) + ": \"Deny\": at byte 1 (\"Deny\"): expected allow or deny");
    for (const char* value : {"", " ", "\n", "denied", "true", "allow deny", "allow\ndeny"}) {
      refusal({{key, value}});
    }
  }
}

TEST(Keys, UnknownAreRefusedWithTheNearestKnownOne) {
  EXPECT_EQ(refusal({{"io.socklid.conect", "deny"}}),
            "io.socklid.conect: unknown annotation; did you mean io.socklid.connect?");
  const struct {
    const char* key;
    const char* suggestion;
  } cases[] = {{"io.socklid.Bind", "io.socklid.bind?"},
               {"io.socklid.create-tcp", "io.socklid.create.tcp?"},
               {"io.socklid.egres/web", "io.socklid.egress?"},
               {"io.socklid.family", "io.socklid.families?"},
               {"io.socklid.marc", "io.socklid.mark?"},
               {"io.socklid.polcy", "io.socklid.policy?"}};
  for (const auto& [key, suggestion] : cases) {
    EXPECT_THAT(refusal({{key, ""}}), HasSubstr(suggestion)) << key;
  }
}

TEST(Keys, UnknownAndFarFromAllAreRefusedWithTheListOfThem) {
  EXPECT_EQ(
      refusal({{"io.socklid.firewall", "on"}}),
      "io.socklid.firewall: unknown annotation; there are io.socklid.create "
      "io.socklid.create.tcp io.socklid.create.udp io.socklid.families io.socklid.options "
      "io.socklid.connect io.socklid.bind io.socklid.listen io.socklid.accept io.socklid.shutdown "
      "io.socklid.mark io.socklid.egress io.socklid.otherwise io.socklid.seal "
      "io.socklid.deputies io.socklid.bpf io.socklid.answers io.socklid.subject.NAME "
      "io.socklid.readonly io.socklid.mode io.socklid.profile io.socklid.policy");
  for (const std::string& key :
       {std::string("io.socklid."), std::string("io.socklid./web"),
        std::string("io.socklid.x\n\x1b"), "io.socklid." + std::string(100'000, 'x'),
        std::string("io.socklid.bind "), std::string("io.socklid.bind\0", 16)}) {
    refusal({{key, "deny"}});
  }
}

TEST(Keys, OfAContainerWinOverThoseOfThePod) {
  const Annotations pod{{"io.socklid.connect", "deny"},
                        {"io.socklid.connect/web", "allow"},
                        {"io.socklid.bind/web", "tcp/80"},
                        {"io.socklid.bind/db", "tcp/3306"}};
  EXPECT_EQ(to_string(policy_of(pod, "web")), "io.socklid.bind: tcp/80\n");
  EXPECT_EQ(to_string(policy_of(pod, "db")),
            "io.socklid.connect: deny\nio.socklid.bind: tcp/3306\n");
  EXPECT_EQ(to_string(policy_of(pod, "proxy")), "io.socklid.connect: deny\n");
}

TEST(Keys, OfAContainerAskForNoForeignAnnotation) {
  for (const char* name : {"io.kubernetes.container.name", "io.kubernetes.cri.container-name"}) {
    refusal({{name, "web"}, {"io.socklid.bind/web", "deny"}});
  }
}

TEST(Keys, OfAnotherContainerNeedOnlyBeWellFormed) {
  EXPECT_EQ(policy_of({{"io.socklid.bind/db", "nonsense"}}, "web"), Policy{});
  EXPECT_EQ(policy_of({{"io.socklid.profile/db", "x"}}, "web"), Policy{});
  EXPECT_EQ(policy_of({{"io.socklid.policy/db", "{"}}, "web"), Policy{});
  EXPECT_EQ(refusal({{"io.socklid.bnd/db", "deny"}}, "web"),
            "io.socklid.bnd/db: unknown annotation; did you mean io.socklid.bind?");
}

TEST(Keys, OfAContainerWantItsNameAsADnsLabel) {
  EXPECT_EQ(refusal({{"io.socklid.bind/", "deny"}}, "web"),
            "io.socklid.bind/: expected the name of a container after the slash: a to z, 0 to 9 "
            "and -, at most 63 of them");
  for (const std::string& name :
       {std::string("Web"), std::string("-web"), std::string("web-"), std::string("a/b"),
        std::string("a.b"), std::string("a_b"), std::string("w\n"), std::string(64, 'a')}) {
    refusal({{"io.socklid.bind/" + name, "deny"}}, "web");
  }
  const std::string longest(63, 'a');
  EXPECT_EQ(policy_of({{"io.socklid.connect/" + longest, "deny"}}, longest).connect, Endpoints{});
}

TEST(Keys, OfAContainerNeedAnEngineThatSaysItsName) {
  EXPECT_EQ(
      refusal({{"io.socklid.bind/web", "deny"}}),
      "io.socklid.bind/web: this engine does not say what the container is called in its "
      "pod (podman and bare runtimes never do, though podman generate kube writes such keys): "
      "use io.socklid.bind, or give each container its own by podman run --pod");
}

TEST(Keys, ThatLoseToTheContainersMustStillParse) {
  EXPECT_THAT(refusal({{"io.socklid.bind", "x"}, {"io.socklid.bind/web", "deny"}}, "web"),
              HasSubstr("io.socklid.bind: \"x\""));
}

TEST(Keys, AreReportedInOrderWhateverIsWrong) {
  EXPECT_THAT(
      refusal({{"io.socklid.zzz", ""}, {"io.socklid.bind", "x"}, {"io.socklid.accept", "x"}}),
      HasSubstr("io.socklid.accept: \"x\""));
  EXPECT_THAT(refusal({{"io.socklid.aaaaaaaaa", ""}, {"io.socklid.bind", "x"}}),
              HasSubstr("io.socklid.aaaaaaaaa: unknown"));
  EXPECT_THAT(refusal({{"io.socklid.otherwise", "drop"}, {"io.socklid.shutdown", "x"}}),
              HasSubstr("io.socklid.shutdown: \"x\""));
}

TEST(Otherwise, NeedsEgress) {
  EXPECT_EQ(policy_of({{"io.socklid.otherwise", "drop"}, {"io.socklid.egress", ""}}).otherwise,
            Otherwise::drop);
  EXPECT_EQ(policy_of({{"io.socklid.otherwise", "reject"}, {"io.socklid.egress", "tcp"}}).otherwise,
            Otherwise::reject);
  EXPECT_EQ(refusal({{"io.socklid.otherwise", "drop"}}),
            "io.socklid.otherwise: \"drop\": expected io.socklid.egress beside it, which says what "
            "may leave (an empty list for nothing)");
  EXPECT_THAT(refusal({{"io.socklid.policy", R"({"otherwise":"reject"})"}}),
              HasSubstr("io.socklid.policy: otherwise: \"reject\": expected io.socklid.egress"));
  EXPECT_EQ(refusal({{"io.socklid.otherwise", "accept"}, {"io.socklid.egress", ""}}),
            "io.socklid.otherwise: \"accept\": at byte 1 (\"accept\"): expected drop or reject");
}

TEST(Answers, NeedEgress) {
  for (const char* value : {"peer", "host", "any"}) {
    const Policy policy =
        policy_of({{"io.socklid.answers", value}, {"io.socklid.egress", "udp/69"}});
    EXPECT_NE(to_string(policy).find("io.socklid.egress"), std::string::npos);
    EXPECT_EQ(to_string(policy).find(std::string("answers: ") + value) == std::string::npos,
              policy.answers == Answers::peer);
  }
  EXPECT_THAT(refusal({{"io.socklid.answers", "host"}}), HasSubstr("expected io.socklid.egress"));
  EXPECT_EQ(refusal({{"io.socklid.answers", "all"}, {"io.socklid.egress", ""}}),
            "io.socklid.answers: \"all\": at byte 1 (\"all\"): expected peer, host or any");
}

TEST(NotAvailable, IsWhatThisVersionCanNotDo) {
  EXPECT_EQ(policy_of({{"io.socklid.mode", "enforce"}}), Policy{});
  EXPECT_EQ(not_available({{"io.socklid.mode", "audit"}}),
            "io.socklid.mode: \"audit\": not available in this version; use enforce, which is also "
            "what holds without io.socklid.mode");
  EXPECT_EQ(not_available({{"io.socklid.profile", "web"}}),
            "io.socklid.profile: \"web\": profiles are not available in this version; write the "
            "policy into the annotations, or into io.socklid.policy");
  EXPECT_EQ(
      not_available({{"io.socklid.policy", R"({"mode":"audit"})"}}).find("io.socklid.policy: mode"),
      0U);
  not_available({{"io.socklid.profile", ""}});
}

TEST(Keys, ConnectTakesEndpoints) {
  EXPECT_EQ(policy_of({{"io.socklid.connect", "deny"}}).connect, Endpoints{});
  EXPECT_EQ(policy_of({{"io.socklid.connect", "allow"}}).connect, std::nullopt);
  EXPECT_EQ(to_string(policy_of({{"io.socklid.connect", "udp/53 icmp;tcp/443@10.0.0.0/8"}})),
            "io.socklid.connect: tcp/443@10.0.0.0/8 udp/53 icmp\n");
  EXPECT_EQ(policy_of({{"io.socklid.policy", R"({"connect":["tcp/80","icmp"]})"}}).connect->size(),
            2U);
  EXPECT_EQ(refusal({{"io.socklid.connect", ""}}),
            "io.socklid.connect: \"\": at byte 1: expected allow, deny, or endpoints such "
            "as tcp/443 udp/53@10.0.0.1");
}

TEST(NotAvailable, IsNotWhatIsWrongAnyway) {
  refusal({{"io.socklid.seal", "start x"}});
}

TEST(Limits, OfAValueAreFourKibibytes) {
  std::string value = "tcp/80";
  value.resize(max_value_bytes, ' ');
  EXPECT_EQ(policy_of({{"io.socklid.bind", value}}).bind->size(), 1U);
  value += ' ';
  EXPECT_THAT(refusal({{"io.socklid.bind", value}}),
              HasSubstr("…\": 4097 bytes, the limit is 4096; io.socklid.policy holds more"));
}

TEST(Reference, ListsEveryKeyOnce) {
  std::set<std::string_view> names;
  for (const KeyInfo& key : keys()) {
    EXPECT_TRUE(key.name.view().starts_with(key_prefix)) << key.name.view();
    EXPECT_TRUE(names.insert(key.name).second) << key.name.view();
    EXPECT_FALSE(key.values.empty() || key.meaning.empty()) << key.name.view();
    EXPECT_EQ(key.meaning.find('\n'), std::string_view::npos) << key.name.view();
    EXPECT_EQ(key.name.view().find('/'), std::string_view::npos) << key.name.view();
  }
  EXPECT_EQ(names.size(), 22U);
}

}  // namespace
}  // namespace socklid::annotations
