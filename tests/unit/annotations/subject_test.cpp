// SPDX-License-Identifier: Apache-2.0
//
// Fails if a subject's value means something else than its document, if a member that would open
// something is taken, or if what is wrong with a subject is not refused by name.
#include "annotations/subject.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* sshd_key = "io.socklid.subject.sshd";

Subject subject_of(const std::string& value) {
  const Policy policy = policy_of({{sshd_key, value}});
  EXPECT_EQ(policy.subjects.size(), 1U) << value;
  return policy.subjects.empty() ? Subject{} : policy.subjects.front();
}

std::string subject_error(const std::string& value) {
  return refusal({{sshd_key, value}});
}

Policy document(const std::string& json) {
  return policy_of({{"io.socklid.policy", json}});
}

std::string document_error(const std::string& json) {
  return refusal({{"io.socklid.policy", json}});
}

/// A container with so many programs as subjects, s0, s1, ...
Annotations programs(std::size_t count) {
  Annotations annotations;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    annotations["io.socklid.subject.s" + number] = "/bin/" + number + " bind=deny";
  }
  return annotations;
}

TEST(Subject, TakesTheMembersThatTakeAway) {
  const Subject subject = subject_of(
      "/usr/sbin/sshd create=allow create.udp=deny families=inet+inet6 connect=deny "
      "bind=tcp/22+tcp/23 listen=deny accept=deny shutdown=deny mark=5 egress=tcp/22+dns "
      "otherwise=drop seal=listen+tcp/22+tcp/23 inherit=2 hours=08:00-12:00+22:00-06:00 "
      "zone=Europe/Berlin");
  EXPECT_EQ(subject.name, "sshd");
  EXPECT_THAT(subject.exec, ElementsAre("/usr/sbin/sshd"));
  EXPECT_EQ(to_string(subject.policy),
            "io.socklid.create.udp: deny\nio.socklid.families: inet inet6\n"
            "io.socklid.connect: deny\nio.socklid.bind: tcp/22 tcp/23\nio.socklid.listen: deny\n"
            "io.socklid.accept: deny\nio.socklid.shutdown: deny\nio.socklid.mark: 0x5\n"
            "io.socklid.egress: tcp/22 tcp/53 udp/53\nio.socklid.otherwise: drop\n"
            "io.socklid.seal: listen tcp/22 tcp/23\n");
  EXPECT_EQ(subject.inherit, 2);
  EXPECT_THAT(subject.hours, ElementsAre(Window{480, 720}, Window{1320, 360}));
  EXPECT_EQ(subject.zone, "Europe/Berlin");
}

TEST(Subject, HasItsChildrenAndNoHoursUnlessItIsSaid) {
  const Subject subject = subject_of("/usr/sbin/sshd bind=deny");
  EXPECT_EQ(subject.inherit, inherit_all);
  EXPECT_TRUE(subject.hours.empty());
  EXPECT_EQ(subject.zone, "UTC");
  EXPECT_FALSE(is_everyone_else(subject));
  EXPECT_TRUE(is_everyone_else(subject_of("* connect=deny")));
}

TEST(Subject, HasWhiteSpaceAndCommentsAsEverywhere) {
  EXPECT_EQ(subject_of("# the shell\n\t/usr/sbin/sshd\n  mark=5\r\n# and no more\n bind=deny "),
            subject_of("/usr/sbin/sshd mark=5 bind=deny"));
}

TEST(Subject, MayBeSeveralFiles) {
  EXPECT_THAT(subject_of("/usr/sbin/sshd /usr/bin/./sshd //usr/sbin/sshd bind=deny").exec,
              ElementsAre("/usr/sbin/sshd", "/usr/bin/sshd"));
  EXPECT_THAT(subject_of("/usr/bin/a+b,c;d bind=deny").exec, ElementsAre("/usr/bin/a+b,c;d"));
}

TEST(Subject, MeansTheSameInADocument) {
  const Annotations keys{
      {sshd_key, "/usr/sbin/sshd /usr/bin/sshd mark=5 egress=tcp/22 bind=tcp/22+tcp/23"},
      {"io.socklid.subject.apache", "/usr/sbin/apache2 create=deny seal=listen+tcp/80+tcp/443"},
      {"io.socklid.subject.sendmail",
       "/usr/sbin/sendmail bind=deny inherit=1 hours=22:00-06:00 zone=+02:00"},
      {"io.socklid.subject.others", "* connect=deny"},
      {"io.socklid.readonly", "/usr/sbin !/usr/sbin/local"}};
  const std::string json = R"({"subjects": {
      "apache": {"exec": "/usr/sbin/apache2", "create": "deny", "seal": "listen tcp/80 tcp/443"},
      "sshd": {"exec": ["/usr/sbin/sshd", "/usr/bin/sshd"], "mark": 5, "egress": ["tcp/22"],
               "bind": ["tcp/22", "tcp/23"]},
      "sendmail": {"exec": "/usr/sbin/sendmail", "bind": "deny", "inherit": 1,
                   "hours": ["22:00-06:00"], "zone": "+02:00"},
      "others": {"exec": "*", "connect": "deny"}},
    "readonly": ["/usr/sbin", "!/usr/sbin/local"]})";
  EXPECT_EQ(document(json), policy_of(keys));
  EXPECT_EQ(policy_of(keys).subjects.size(), 4U);
  Annotations both = keys;
  both["io.socklid.policy"] = json;
  EXPECT_EQ(policy_of(both), policy_of(keys));
  both[sshd_key] = "/usr/sbin/sshd mark=6";
  EXPECT_EQ(refusal(both),
            "io.socklid.subject.sshd: \"/usr/sbin/sshd mark=6\": contradicts io.socklid.policy: "
            "subjects: sshd: \"/usr/sbin/sshd /usr/bin/sshd bind=tcp/22+tcp/23 mark=0x5 "
            "egress=tcp/22\"; give one of them");
}

TEST(Subject, OfAKeyAndOfADocumentAreBothThere) {
  const Policy policy =
      policy_of({{"io.socklid.policy", R"({"subjects":{"b":{"exec":"/b","bind":"deny"}}})"},
                 {"io.socklid.subject.c", "/c bind=deny"},
                 {"io.socklid.subject.a", "/a bind=deny"}});
  ASSERT_EQ(policy.subjects.size(), 3U);
  EXPECT_EQ(policy.subjects[0].name + policy.subjects[1].name + policy.subjects[2].name, "abc");
}

TEST(Subject, OfAContainerWinsOverThatOfThePod) {
  const Annotations pod{{sshd_key, "/usr/sbin/sshd bind=deny"},
                        {"io.socklid.subject.sshd/web", "/usr/bin/sshd connect=deny"},
                        {"io.socklid.subject.mail/db", "nonsense"}};
  EXPECT_EQ(to_string(policy_of(pod, "web")),
            "io.socklid.subject.sshd: /usr/bin/sshd connect=deny\n");
  EXPECT_EQ(to_string(policy_of({{sshd_key, "/usr/sbin/sshd bind=deny"}}, "web")),
            "io.socklid.subject.sshd: /usr/sbin/sshd bind=deny\n");
}

TEST(Subject, HasANameOfFewCharacters) {
  for (const std::string& name : {std::string(), std::string("Sshd"), std::string("a.b"),
                                  std::string("a_b"), std::string(21, 'a'), std::string("NAME")}) {
    EXPECT_THAT(refusal({{"io.socklid.subject." + name, "/bin/sh bind=deny"}}),
                HasSubstr("expected the name of a subject, a to z, 0 to 9 and -, at most 20"))
        << name;
    EXPECT_THAT(document_error(R"({"subjects":{")" + name + R"(":{"exec":"/a","bind":"deny"}}})"),
                HasSubstr("expected the name of a subject"))
        << name;
  }
  EXPECT_THAT(refusal({{"io.socklid.subject", "/bin/sh bind=deny"}}),
              HasSubstr("io.socklid.subject: expected the name of a subject"));
  policy_of({{"io.socklid.subject." + std::string(20, '-'), "/bin/sh bind=deny"}});
}

TEST(Subject, IsSuggestedWhereItWasMeant) {
  for (const char* key : {"io.socklid.subjects.sendmail", "io.socklid.subjct.x",
                          "io.socklid.subjects", "io_socklid_subject_sendmail"}) {
    EXPECT_THAT(refusal({{key, "/bin/sh bind=deny"}}),
                HasSubstr("did you mean io.socklid.subject.NAME?"))
        << key;
  }
  EXPECT_THAT(document_error(R"({"subject":{}})"),
              HasSubstr("subject: unknown member; did you mean subjects?"));
  EXPECT_THAT(document_error(R"({"subject.sshd":{}})"), HasSubstr("did you mean subjects?"));
  EXPECT_THAT(document_error(R"({"subject.NAME":{}})"), HasSubstr("did you mean subjects?"));
}

TEST(Subject, RefusesMembersThatThereAreNot) {
  EXPECT_EQ(subject_error("/usr/sbin/sshd bnd=deny"),
            "io.socklid.subject.sshd: bnd: unknown member; did you mean bind?");
  EXPECT_EQ(subject_error("/usr/sbin/sshd hour=08:00-09:00"),
            "io.socklid.subject.sshd: hour: unknown member; did you mean hours?");
  EXPECT_EQ(
      subject_error("/usr/sbin/sshd firewall=on"),
      "io.socklid.subject.sshd: firewall: unknown member; there are create create.tcp create.udp "
      "families connect bind listen accept shutdown mark egress otherwise seal inherit hours zone");
  for (const char* opens : {"options", "deputies", "bpf", "answers", "mode", "profile"}) {
    EXPECT_THAT(subject_error(std::string("/usr/sbin/sshd bind=deny ") + opens + "=x"),
                HasSubstr(std::string(opens) +
                          ": no member of a subject, but a key of the whole container"))
        << opens;
  }
  for (const char* name : {"subjects", "readonly", "policy", "exec", "subject.NAME", ""}) {
    subject_error(std::string("/usr/sbin/sshd bind=deny ") + name + "=/x");
    EXPECT_NE(document_error(R"({"subjects":{"a":{"exec":"/a","bind":"deny",")" +
                             std::string(name) + R"(":1}}})"),
              "");
  }
}

TEST(Subject, SaysWhereItsValueIsWrong) {
  EXPECT_EQ(subject_error("/usr/sbin/sshd bind=tcp/22+udp/x"),
            "io.socklid.subject.sshd: bind: \"/usr/sbin/sshd bind=tcp/22+udp/x\": at byte 32 "
            "(\"x\"): expected a port from 0 to 65535");
  EXPECT_EQ(subject_error("# sshd\n /usr/sbin/sshd create=no"),
            "io.socklid.subject.sshd: create: \"# sshd\\n /usr/sbin/sshd create=no\": at byte 31 "
            "(\"no\"): expected allow or deny");
  EXPECT_THAT(subject_error("/usr/sbin/sshd bind"), HasSubstr("expected MEMBER=VALUE"));
  EXPECT_THAT(subject_error("/usr/sbin/sshd bind=deny /bin/sh"),
              HasSubstr("(\"/bin/sh\"): expected the paths before the members"));
  EXPECT_THAT(subject_error("/usr/sbin/sshd bind=deny bind=deny"),
              HasSubstr("at byte 26 (\"bind=deny\"): expected each member once"));
  EXPECT_THAT(document_error(R"({"subjects":{"a":{"exec":"/a","bind":"deny","bind":"deny"}}})"),
              HasSubstr("Duplicate name"));
}

TEST(Subject, WantsAPathOfTheContainer) {
  for (const char* value :
       {"", "bind=deny", "sshd bind=deny", "/ bind=deny", "/usr/../sshd bind=deny", "/.. bind=deny",
        "* /usr/sbin/sshd bind=deny", "* * bind=deny", "!/usr/sbin/sshd bind=deny"}) {
    subject_error(value);
  }
  EXPECT_THAT(subject_error("bind=deny"), HasSubstr("expected the path of a program"));
  subject_of("/" + std::string(max_value_bytes - 11, 'a') + " bind=deny");
  EXPECT_THAT(document_error(R"({"subjects":{"a":{"exec":"/)" + std::string(4095, 'a') +
                             R"(","bind":"deny"}}})"),
              HasSubstr("expected at most 4095 bytes in a path"));
  EXPECT_THAT(document_error(R"({"subjects":{"a":{"bind":"deny"}}})"),
              HasSubstr("subjects: a: expected exec, the path of a program"));
  EXPECT_THAT(document_error(R"({"subjects":{"a":{"exec":[],"bind":"deny"}}})"),
              HasSubstr("expected the path of a program"));
  EXPECT_THAT(document_error(R"({"subjects":{"a":{"exec":["/a b"],"bind":"deny"}}})"),
              HasSubstr("expected one item in each string of an array"));
}

TEST(Subject, RefusesDocumentsOfOtherTypes) {
  EXPECT_EQ(document_error(R"({"subjects":["/bin/sh"]})"),
            "io.socklid.policy: subjects: expected an object, found an array");
  EXPECT_EQ(document_error(R"({"subjects":{"a":"/bin/sh bind=deny"}})"),
            "io.socklid.policy: subjects: a: expected an object, found a string");
  EXPECT_EQ(document_error(R"({"subjects":{"a":{"exec":"/a","bind":["tcp/80",443]}}})"),
            "io.socklid.policy: subjects: a: bind: expected a string or an array of strings, found "
            "an array with a number");
  EXPECT_EQ(document_error(R"({"subjects":{"a":{"exec":"/a","bind":"tcp/x"}}})"),
            "io.socklid.policy: subjects: a: bind: \"tcp/x\": at byte 5 (\"x\"): expected a port "
            "from 0 to 65535");
  for (const char* member : {R"("inherit":[1])", R"("hours":8)", R"("zone":["UTC"])"}) {
    document_error(R"({"subjects":{"a":{"exec":"/a","bind":"deny",)" + std::string(member) + "}}}");
  }
}

TEST(Subject, TakesSomethingAwayOrMarks) {
  for (const char* value : {"/usr/sbin/sshd", "/usr/sbin/sshd create=allow",
                            "/usr/sbin/sshd inherit=1", "/usr/sbin/sshd bind=allow"}) {
    EXPECT_EQ(subject_error(value),
              "io.socklid.subject.sshd: takes nothing away and sets no mark: expected a member "
              "such as bind=deny or mark=5");
  }
  subject_of("/usr/sbin/sshd mark=5");
  subject_of("/usr/sbin/sshd egress=");
  subject_of("/usr/sbin/sshd hours=08:00-17:00");
  subject_of("/usr/sbin/sshd shutdown=deny");
}

TEST(Subject, WantsBesideSomeMembersOthers) {
  EXPECT_EQ(subject_error("/usr/sbin/sshd mark=5 otherwise=drop"),
            "io.socklid.subject.sshd: otherwise: expected egress beside it, which says what may "
            "leave");
  EXPECT_THAT(subject_error("/usr/sbin/sshd mark=5 seal=listen"),
              HasSubstr("seal: expected one of create, connect,"));
  EXPECT_THAT(subject_error("/usr/sbin/sshd mark=5 zone=Europe/Berlin"),
              HasSubstr("zone: expected hours beside it"));
  EXPECT_THAT(subject_error("* connect=deny inherit=1"), HasSubstr("inherit: everyone else"));
}

TEST(Subject, InheritsByLevels) {
  EXPECT_EQ(subject_of("/a mark=5 inherit=all").inherit, inherit_all);
  EXPECT_EQ(subject_of("/a mark=5 inherit=none").inherit, 0);
  EXPECT_EQ(subject_of("/a mark=5 inherit=0"), subject_of("/a mark=5 inherit=none"));
  EXPECT_EQ(subject_of("/a mark=5 inherit=100").inherit, 100);
  for (const char* value : {"", "101", "255", "-1", "01", "1+1", "All", "some", "0x1", "256"}) {
    EXPECT_THAT(subject_error(std::string("/a mark=5 inherit=") + value),
                HasSubstr("expected all, none, or a number from 0 to 100"))
        << value;
  }
}

TEST(Subject, HasHoursOfTheDay) {
  EXPECT_THAT(subject_of("/a hours=00:00-24:00").hours, ElementsAre(Window{0, 1440}));
  EXPECT_THAT(subject_of("/a hours=23:59-00:00").hours, ElementsAre(Window{1439, 0}));
  EXPECT_EQ(subject_of("/a hours=00:00-01:00+02:00-03:00+04:00-05:00+06:00-07:00").hours.size(),
            max_windows);
  for (const char* value : {"8:00-09:00", "08:00", "08:00-08:00", "24:00-01:00", "08:00-24:01",
                            "08:60-09:00", "0800-0900", "08:00--9:00", "-08:00",
                            "08:00-09:00-10:00", "08:00-25:00", "+8:00-09:00", "08:00-09:0a"}) {
    EXPECT_THAT(subject_error(std::string("/a hours=") + value), HasSubstr("hours: ")) << value;
  }
  for (const char* value :
       {"", "+", "00:00-01:00+02:00-03:00+04:00-05:00+06:00-07:00+08:00-09:00"}) {
    EXPECT_THAT(subject_error(std::string("/a hours=") + value),
                HasSubstr("expected one to 4 windows"))
        << value;
  }
}

TEST(Subject, HasHoursOfAZone) {
  for (const char* zone : {"UTC", "+02:00", "-03:30", "+14:00", "Europe/Berlin", "Etc/GMT+1",
                           "America/Argentina/Buenos_Aires", "Asia/Ust-Nera", "EST5EDT"}) {
    EXPECT_EQ(subject_of(std::string("/a hours=08:00-09:00 zone=") + zone).zone, zone);
  }
  for (const std::string& zone :
       {std::string(), std::string("+2:00"), std::string("+14:01"), std::string("2:00"),
        std::string("/etc/localtime"), std::string("../../etc/passwd"), std::string("Europe//Rome"),
        std::string("Europe/"), std::string("Europe/B.rlin"), std::string("a:b"),
        std::string(65, 'a')}) {
    EXPECT_THAT(subject_error("/a hours=08:00-09:00 zone=" + zone),
                HasSubstr("expected UTC, a distance from it such as +02:00"))
        << zone;
  }
}

TEST(Subject, OfOneFileIsOne) {
  EXPECT_EQ(refusal({{"io.socklid.subject.mail", "/usr/sbin//sendmail bind=deny"},
                     {"io.socklid.subject.sendmail", "/bin/x /usr/sbin/sendmail bind=deny"}}),
            "io.socklid.subject.mail and io.socklid.subject.sendmail both name "
            "/usr/sbin/sendmail, which can be in one of them only");
  EXPECT_THAT(refusal({{"io.socklid.subject.a", "* bind=deny"},
                       {"io.socklid.subject.b", "* connect=deny"}}),
              HasSubstr("io.socklid.subject.a and io.socklid.subject.b both name *"));
}

TEST(Subject, IsOneOfFifteenAndEveryoneElse) {
  Annotations annotations = programs(15);
  annotations["io.socklid.subject.others"] = "* bind=deny";
  EXPECT_EQ(policy_of(annotations).subjects.size(), max_subjects);
  EXPECT_EQ(refusal(programs(16)),
            "io.socklid.subject.NAME: 16 subjects, the limit is 15, and one more that is everyone "
            "else (*)");
}

TEST(Subject, ProgramsAreLimitedTogether) {
  const auto paths = [](char first, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      text += std::string("/") + first + std::to_string(i) + " ";
    }
    return text + "bind=deny";
  };
  EXPECT_EQ(policy_of({{"io.socklid.subject.a", paths('a', max_programs)}}).subjects.size(), 1U);
  EXPECT_THAT(refusal({{"io.socklid.subject.a", paths('a', max_programs + 1)}}),
              HasSubstr("expected at most 128 programs, not 129"));
  EXPECT_EQ(refusal({{"io.socklid.subject.a", paths('a', 100)},
                     {"io.socklid.subject.b", paths('b', 29)}}),
            "io.socklid.subject.NAME: 129 programs in all subjects together, the limit is 128");
}

TEST(Subject, HasItsEndpointsCountedWithAllOthers) {
  std::string ports;
  for (std::size_t port = 0; port < 5001; ++port) {
    ports += (port == 0 ? "\"tcp/" : ",\"tcp/") + std::to_string(port * 2) + '"';
  }
  const std::string json =
      R"({"bind":[)" + ports + R"(],"subjects":{"a":{"exec":"/a","bind":[)" + ports + "]}}}";
  EXPECT_THAT(document_error(json), HasSubstr("10002 endpoints in all lists together"));
}

TEST(Subject, LetsKeysThatOpenStandBesideIt) {
  const std::string bind = "/a bind=deny";
  policy_of({{"io.socklid.deputies", "keys"}, {"io.socklid.subject.a", bind}});
  policy_of(
      {{"io.socklid.options", "transparent"}, {"io.socklid.subject.a", "/a hours=08:00-09:00"}});
  policy_of({{"io.socklid.answers", "host"}, {"io.socklid.subject.a", "/a egress=udp/69"}});
  policy_of({{"io.socklid.bpf", "allow"}, {"io.socklid.subject.a", "/a mark=5"}});
  EXPECT_THAT(refusal({{"io.socklid.answers", "host"}, {"io.socklid.subject.a", bind}}),
              HasSubstr("expected io.socklid.egress"));
  refusal({{"io.socklid.deputies", "keys"}, {"io.socklid.subject.a", "/a mark=5"}});
}

TEST(Subject, HasWhatTheContainerOpens) {
  const Policy policy = policy_of({{"io.socklid.deputies", "keys"},
                                   {"io.socklid.bpf", "allow"},
                                   {"io.socklid.answers", "any"},
                                   {"io.socklid.connect", "deny"},
                                   {"io.socklid.egress", ""},
                                   {"io.socklid.subject.a", "/a bind=deny"}});
  EXPECT_EQ(to_string(policy_within(policy, policy.subjects.front())),
            "io.socklid.bind: deny\nio.socklid.deputies: keys\nio.socklid.bpf: allow\n"
            "io.socklid.answers: any\n");
}

TEST(SubjectsAndReadonly, RestrictTheNetworkOfNobodyElse) {
  EXPECT_FALSE(restricts(policy_of({{sshd_key, "/a bind=deny"}, {"io.socklid.readonly", "/"}})));
  EXPECT_EQ(given_keys(policy_of({{sshd_key, "/a bind=deny"}})), Keys{Key::subject});
}

}  // namespace
}  // namespace socklid::annotations
