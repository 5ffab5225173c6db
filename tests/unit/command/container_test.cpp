// SPDX-License-Identifier: Apache-2.0
//
// Containers as list, inspect and unload see them.
#include "command/running/container.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command/doctor/check.hpp"
#include "command/inspect.hpp"
#include "command/list.hpp"
#include "command/node/load.hpp"
#include "command/node/unload.hpp"
#include "command/running/builds.hpp"
#include "guard/guard.hpp"

namespace socklid::command {
namespace {

using testing::HasSubstr;
using testing::Not;

Container container(const std::string& id, State state = State::active, std::uint64_t cgroup = 7) {
  Record record;
  record.id = id;
  record.cgroup_id = cgroup;
  record.mark = annotations::Mark{3, annotations::default_mark_mask};
  const Details details{
      .cgroup_path = "/x/" + id,
      .annotations = {{"io.kubernetes.container.name", "web"}, {"io.socklid.bind", "tcp/80"}},
      .container = {},
      .hooks = {"socket_bind"},
      .notes = {"a note"}};
  Container made{{.key = key_of(id, cgroup),
                  .parts = {encode_id(id), cgroup},
                  .record = record,
                  .recorded = true,
                  .pinned = true},
                 details,
                 state};
  return made;
}

TEST(Containers, StatesComeFromRecordLinksAndCgroup) {
  StoreEntry entry = container("a").entry;
  EXPECT_EQ(state_of(entry, Liveness::populated), State::active);
  EXPECT_EQ(state_of(entry, Liveness::empty), State::active);
  EXPECT_EQ(state_of(entry, Liveness::gone), State::gone);
  entry.pinned = false;
  EXPECT_EQ(state_of(entry, Liveness::populated), State::incomplete);
  EXPECT_EQ(state_of(entry, Liveness::gone), State::gone) << "whatever is left of it";
  entry.pinned = true;
  entry.record.reset();
  EXPECT_EQ(state_of(entry, Liveness::populated), State::incomplete);
}

TEST(Containers, AUniquePrefixIsEnough) {
  const std::vector<Container> all = {container("abc1"), container("abc2"), container("abc")};
  const auto found = [&](std::string_view prefix) {
    const auto one = find_container(all, prefix);
    return one ? id_of(**one) : one.error().message;
  };
  EXPECT_EQ(found("abc1"), "abc1");
  EXPECT_EQ(found("abc"), "abc");
  EXPECT_EQ(found("ab"), "ab: 3 containers under policy match: abc1, abc2, abc");
  EXPECT_EQ(found("x\n"), "x\\n: no container with this id is under policy");
  EXPECT_THAT(found(""), HasSubstr("no container"));
}

TEST(Containers, OfARestartedContainerTheActiveOneCounts) {
  const std::vector<Container> all = {container("a", State::gone, 1),
                                      container("a", State::active, 2)};
  const auto found = find_container(all, "a");
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->entry.parts.cgroup_id, 2u);
}

TEST(List, IsATable) {
  EXPECT_EQ(list_text({}, false), "ID  STATE  POLICY  MARK  SEAL  DENIED  CGROUP\n");
  EXPECT_EQ(list_text({{}, {{container("0123456789abcdef"), 5, {}}}}, false),
            "ID            STATE   POLICY       MARK  SEAL   DENIED  CGROUP\n"
            "0123456789ab  active  bind=tcp/80  0x3   start  5       /x/0123456789abcdef\n");
  EXPECT_THAT(list_text({{}, {{container("0123456789abcdef"), {}, {}}}}, true),
              HasSubstr("0123456789abcdef  "));
}

TEST(List, SubjectsAreCounted) {
  Container one = container("a");
  one.details->annotations["io.socklid.subject.a"] = "/bin/a bind=deny";
  one.details->annotations["io.socklid.subject.b"] = "/bin/b bind=deny";
  EXPECT_THAT(list_text({{}, {{one, 5, {}, {}, 2}}}, false), HasSubstr(" subjects 2 bind=tcp/80 "));
  one.details->annotations = {{"io.socklid.policy", "p"}};
  EXPECT_THAT(list_text({{}, {{one, 5, {}, {}, 3}}}, false), HasSubstr(" subjects 3 policy=p "))
      << "those of a document too";
  EXPECT_EQ(list_json({{}, {{one, 5, {}, {}, 3}}}).array().front().find_integer("subjects"), 3);
}

TEST(List, ARecordIsNotNeeded) {
  Container bare = container("a", State::incomplete);
  bare.entry.record.reset();
  bare.details.reset();
  EXPECT_THAT(list_text({{}, {{bare, {}, {}}}}, false),
              HasSubstr("a   incomplete  -       -     -     -       -\n"));
}

TEST(List, JsonHasTheAnnotations) {
  const json::Value value = list_json({{}, {{container("a"), 5, {}}}});
  const json::Value& line = value.array().front();
  EXPECT_EQ(line.find("annotations")->find_string("io.socklid.bind"), "tcp/80");
  EXPECT_EQ(line.find_integer("denied"), 5);
}

TEST(Damage, IsNamedByEveryTool) {
  Container broken = container("a", State::damaged);
  const ListLine line{broken, 5, {}, {"link of socket_bind: not pinned"}};
  EXPECT_THAT(list_text({{}, {line}}, false), HasSubstr("a   damaged  "));
  const json::Value listed = list_json({{}, {line}});
  EXPECT_EQ(listed.array().front().find("damage")->array().front().string(),
            "link of socket_bind: not pinned");
  Inspection inspection;
  inspection.container = broken;
  inspection.damage = line.damage;
  EXPECT_THAT(inspect_text(inspection), HasSubstr("state:     damaged\n"));
  EXPECT_THAT(
      inspect_text(inspection),
      HasSubstr("damage:\n  link of socket_bind: not pinned\n  remedy: socklid repair a\n"));
  const Check check = judge_containers({broken, container("b")}, {{"a", line.damage}});
  EXPECT_EQ(check.level, Level::fail);
  EXPECT_THAT(check.detail, HasSubstr("a (link of socket_bind: not pinned)"));
  EXPECT_EQ(check.remedy, "socklid repair a");
  EXPECT_EQ(judge_containers({container("b")}, {}).level, Level::ok);
}

TEST(Damage, DoesNotHideAContainer) {
  const std::vector<Container> all = {container("a", State::gone, 1),
                                      container("a", State::damaged, 2)};
  EXPECT_EQ(find_container(all, "a").value()->entry.parts.cgroup_id, 2u);
}

TEST(Denied, CountsWhatSubjectsHaveRefused) {
  Observed observed;
  observed.subjects.resize(2);
  observed.subjects[0].denials.count[SL_REASON_BIND] = 3;
  observed.subjects[1].denials.count[SL_REASON_CONNECT] = 4;
  EXPECT_EQ(refused_by(observed), 7U);
}

TEST(Denied, CountsWhatProgramsAndRulesHaveRefused) {
  Observed observed;
  observed.denials.emplace().count[SL_REASON_BIND] = 2;
  observed.denials->count[SL_REASON_EGRESS] = 1;
  observed.counters = {{"egress", "io.socklid.egress: not named", 3, 180}};
  EXPECT_EQ(refused_by(observed), 6u);
}

TEST(Inspect, NamesTheAnnotationBehindADenial) {
  Inspection inspection;
  inspection.container = container("a\x1b");
  inspection.policy.emplace().bind.emplace();
  inspection.hooks = {{"socket_bind", true, LinkInfo{"socket_bind", 11, 12, 7}},
                      {"bpf", false, std::nullopt}};
  inspection.denials.emplace().count[SL_REASON_SETSOCKOPT] = 2;
  inspection.counters = {{"output", "io.socklid.egress: not named", 3, 180}};
  const std::string text = inspect_text(inspection);
  EXPECT_THAT(text, HasSubstr("a\\x1b"));
  EXPECT_THAT(text, HasSubstr("  2  setsockopt  io.socklid.bind\n"));
  EXPECT_THAT(text, HasSubstr("socket_bind  link 11       program 12  this cgroup\n"));
  EXPECT_THAT(text, HasSubstr("bpf          not attached              node-wide\n"));
  EXPECT_THAT(text, HasSubstr("3 packets  180 bytes  output  io.socklid.egress: not named\n"));
  EXPECT_THAT(text, HasSubstr("notes:\n  a note\n"));
  const json::Value value = inspect_json(inspection);
  EXPECT_EQ(value.find("counters")->array().front().find_integer("packets"), 3);
  EXPECT_EQ(value.find("denials")->array().front().find_integer("count"), 2);
}

TEST(Inspect, NamesTheRemedyOfASecondListener) {
  Inspection inspection;
  inspection.container = container("a");
  annotations::Policy& policy = inspection.policy.emplace();
  policy.create = annotations::Verdict::deny;
  policy.seal.kind = annotations::Seal::Kind::listen;
  policy.seal.listens = {{annotations::Protocol::tcp, {80, 80}, {}}};
  inspection.denials.emplace().count[SL_REASON_CREATE] = 1;
  inspection.denials->count[SL_REASON_CONNECT] = 1;
  const std::string text = inspect_text(inspection);
  EXPECT_THAT(text, HasSubstr("io.socklid.create (a second listener needs "
                              "io.socklid.seal=listen tcp/80@0.0.0.0 tcp/80@::)\n"));
  EXPECT_THAT(text, HasSubstr("1  connect"));
  const json::Value value = inspect_json(inspection);
  EXPECT_TRUE(value.find("denials")->array().front().find("remedy"));
  EXPECT_FALSE(value.find("denials")->array().back().find("remedy"));
}

TEST(Inspect, ShowsWhatASubjectIsNow) {
  Inspection inspection;
  inspection.container = container("a");
  EXPECT_THAT(inspect_text(inspection), Not(HasSubstr("subjects:")));
  ObservedSubject mail{.name = "mail",
                       .index = 0,
                       .programs = {{0, "/usr/sbin/sendmail", {4711, 8 << 20 | 1}}},
                       .tasks = 2,
                       .is_sealed_later = true,
                       .runs = {},
                       .denials = {}};
  mail.denials.count[SL_REASON_BIND] = 3;
  sl_seal open{};
  open.waits_for = SL_SEAL_BY_LISTEN;
  mail.runs = {{.tasks = 1, .seal = std::nullopt}, {.tasks = 1, .seal = open}};
  ObservedSubject others;
  others.name = "others";
  others.tasks = 1;
  EXPECT_EQ(open_runs(mail), 1U);
  EXPECT_EQ(open_runs(others), 0U);
  inspection.subjects = {mail, others};
  const std::string text = inspect_text(inspection);
  EXPECT_THAT(text, HasSubstr("subjects:\n  mail    tasks:    2"));
  EXPECT_THAT(text, HasSubstr("program:  /usr/sbin/sendmail  file 4711 on 8:1\n"));
  EXPECT_THAT(text, HasSubstr("run of:   1                   sealed\n"));
  EXPECT_THAT(text, HasSubstr("run of:   1                   open, waits for any listen\n"));
  EXPECT_THAT(text, HasSubstr("denied:   3                   bind\n"));
  EXPECT_THAT(text, HasSubstr("program:  *                   everyone else\n"));
  const json::Value value = inspect_json(inspection);
  const json::Value& first = value.find("subjects")->array().front();
  EXPECT_EQ(first.find_integer("tasks"), 2);
  ASSERT_EQ(first.find("runs")->array().size(), 2U);
  EXPECT_TRUE(value.find("subjects")->array().back().find("runs")->is_null());
  EXPECT_EQ(first.find("programs")->array().front().find_string("inode"), "4711");
  EXPECT_EQ(first.find("denials")->array().front().find_integer("count"), 3);
}

TEST(Unload, NamesTheContainersInTheWay) {
  EXPECT_EQ(refusal({}), "");
  EXPECT_EQ(refusal({container("a"), container("b")}),
            "unload: containers are under policy: a, b; stop them first");
}

TEST(Builds, OfOtherVersionsAreUnusedWithoutTheirContainers) {
  const std::string own(object_hash());
  Container old = container("old");
  old.entry.record->object_hash = "a";
  Container fresh = container("new");
  fresh.entry.record->object_hash = own;
  EXPECT_EQ(unused_builds({"a", "b", own}, {old, fresh}), std::vector<std::string>{"b"});
  EXPECT_EQ(unused_builds({"a", own}, {}), std::vector<std::string>{"a"});
  old.entry.record.reset();
  EXPECT_TRUE(unused_builds({"a", "b", own}, {old, fresh}).empty());
}

TEST(Load, HooksAreGivenByNameOrAsAGroup) {
  EXPECT_TRUE(hooks_named("none")->empty());
  EXPECT_EQ(hooks_named("all")->size(), hook_count);
  EXPECT_EQ(*hooks_named("bpf,socket_bind,bpf"), (Hooks{Hook::socket_bind, Hook::bpf}));
  const auto wrong = hooks_named("socket_bind,");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().exit, Exit::usage);
  EXPECT_THAT(wrong.error().message, HasSubstr("choose common, all, none, or from socket_create,"));
}

TEST(Load, CommonHooksAreThoseOfListsMarksAndEgress) {
  const Hooks common = *hooks_named("common");
  for (const Hook hook : {Hook::inet_egress, Hook::inet_egress_labels, Hook::group_join}) {
    EXPECT_EQ(std::count(common.begin(), common.end(), hook), 1) << name(hook);
  }
  EXPECT_EQ(std::count_if(common.begin(), common.end(), takes_slot), 9);
  EXPECT_EQ(std::count(common.begin(), common.end(), Hook::sock_graft), 0);
}

}  // namespace
}  // namespace socklid::command
