// SPDX-License-Identifier: Apache-2.0
//
// Subjects that are sealed later, on a bare cgroup. Fails when a run is held before it is sealed or
// free after it, when what seals one run seals another or opens one, when somebody in a sealed run
// comes to an open one or gets a hold of one, and when a run of which nothing is known is free.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "tests/kernel/subjects/subject_fixture.hpp"
#include "tests/kernel/subjects/subject_maps.hpp"

namespace socklid::test {
namespace {

annotations::Annotations sealed_by(const std::string& cause) {
  return {{"io.socklid.create", "deny"}, {"io.socklid.seal", cause}};
}

class SubjectSeals : public testing::Test {
 protected:
  SubjectContainer container{"seals"};
  const std::string caged = container.program("caged");
  const std::string other = container.program("other");
  const std::string third = container.program("third");

  sl_subject& cage(const std::string& cause = "listen") {
    return container.subject(0, caged, sealed_by(cause));
  }
  std::uint64_t refused() { return container.denials_of(0, SL_REASON_CREATE); }
};

TEST_F(SubjectSeals, AListenSealsTheRunThatItIsIn) {
  cage();
  container.enforce();
  EXPECT_EQ(container.run({caged, "socket"}), 0);
  EXPECT_EQ(container.run({caged, "socket", "listen", "8080", "unix"}), 0);
  EXPECT_EQ(container.run({caged, "listen", "8080", "socket"}), EPERM);
  EXPECT_EQ(refused(), 1U);
  // Whoever starts it again gets a run of its own.
  EXPECT_EQ(container.run({caged, "socket", "listen", "8080", "socket"}), EPERM);
  EXPECT_EQ(container.run({other, "listen", "8080", "socket"}), 0);
  EXPECT_EQ(container.run({other, "listen", "8080", "exec", caged, "socket"}), 0);
}

TEST_F(SubjectSeals, WhatItStartsIsOfTheSameRun) {
  cage();
  container.enforce();
  EXPECT_EQ(container.run({caged, "child-listen", "8080", "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "listen", "8080", "fork", "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "listen", "8080", "thread", "exec", other, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "listen", "8080", "exec", caged, "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "listen", "8080", "exec", other, "exec", caged, "socket"}),
            EPERM);
  EXPECT_EQ(
      container.run({caged, "listen", "8080", "vfork", other, "fork", "exec", caged, "socket"}),
      EPERM);
  EXPECT_EQ(container.run({caged, "exec", other, "fork", "exec", caged, "socket"}), 0);
}

TEST_F(SubjectSeals, OfTwoRunsEachHasItsOwn) {
  cage();
  container.enforce();
  Waiting open(container, {caged}, {"socket"});
  Waiting sealed(container, {caged, "listen", "8080"}, {"socket"});
  const std::vector<LiveRun> runs = container.runs();
  ASSERT_EQ(runs.size(), 2U);
  ASSERT_TRUE(runs[0].run && runs[1].run);
  EXPECT_NE(runs[0].run->word & SL_RUN_WAITS, 0U);
  EXPECT_EQ(runs[1].run->word & SL_RUN_WAITS, 0U);
  EXPECT_EQ(runs[1].run->sealed_by, std::uint32_t{SL_SEAL_BY_LISTEN});
  EXPECT_EQ(sealed.end(), EPERM);
  EXPECT_EQ(open.end(), 0);
}

TEST_F(SubjectSeals, AListenWithSomebodyElsesSocketSealsWhoListens) {
  cage();
  container.enforce();
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  const std::string over = std::to_string(pair[0]), from = std::to_string(pair[1]);
  Waiting maker(container, {caged, "keep", "99", "pass", over, "99"}, {"socket"});
  EXPECT_EQ(container.run({caged, "receive", from, "99", "listen-on", "99", "8080", "socket"}),
            EPERM);
  EXPECT_EQ(maker.end(), 0);
  // And a socket of an open run is worth no more than one of its own.
  Waiting open(container, {caged, "keep", "99", "pass", over, "99"}, {"socket"});
  EXPECT_EQ(
      container.run({caged, "listen", "8081", "receive", from, "99", "connect", "99", "8081"}),
      EPERM);
  EXPECT_EQ(open.end(), 0);
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST_F(SubjectSeals, AListenThatFailsOrIsNotNamedSealsNothing) {
  cage("listen tcp/8080 tcp/8081@127.0.0.1");
  container.enforce();
  EXPECT_EQ(container.run({caged, "listen", "8082", "listen", "8080", "socket"}), 0);
  EXPECT_EQ(container.run({caged, "listen", "8080", "listen", "8080"}), EADDRINUSE);
  EXPECT_EQ(container.run({caged, "listen", "8080", "listen", "8080", "socket"}), 0);
  EXPECT_EQ(container.run({caged, "listen", "8081", "child-listen", "8080", "socket"}), EPERM);
}

TEST_F(SubjectSeals, AnAcceptSeals) {
  cage("accept");
  container.enforce();
  EXPECT_EQ(container.run({caged, "listen", "8080", "socket"}), 0);
  EXPECT_EQ(container.run({caged, "serve", "8081", "socket"}), EPERM);
  EXPECT_EQ(container.run({other, "serve", "8081"}), 0);
  EXPECT_EQ(container.run({other, "serve", "8081", "socket"}), 0);
}

TEST_F(SubjectSeals, ATimeBeginsWithEachRun) {
  cage("2s");
  container.enforce();
  EXPECT_EQ(container.run({caged, "held"}), EPERM);
  EXPECT_EQ(container.run({caged, "socket"}), 0);
  EXPECT_EQ(container.run({caged, "held"}), EPERM);
}

TEST_F(SubjectSeals, AHandSealsTheRunsThatThereAre) {
  cage("manual");
  container.subject(1, third, sealed_by("listen"));
  container.enforce();
  Waiting one(container, {caged}, {"socket"}), two(container, {caged}, {"socket"});
  Waiting beside(container, {third}, {"socket"});
  container.seal_by_hand(0);
  EXPECT_EQ(one.end(), EPERM);
  EXPECT_EQ(two.end(), EPERM);
  EXPECT_EQ(beside.end(), 0);
  EXPECT_EQ(container.run({caged, "listen", "8080", "socket"}), 0);
}

TEST_F(SubjectSeals, EveryVerbIsHeldBack) {
  container.subject(0, caged,
                    {{"io.socklid.connect", "deny"},
                     {"io.socklid.bind", "deny"},
                     {"io.socklid.shutdown", "deny"},
                     {"io.socklid.seal", "listen tcp/8080"}});
  container.enforce();
  EXPECT_EQ(container.run({caged, "bind", "8081"}), 0);
  EXPECT_EQ(container.run({caged, "serve", "8081"}), 0);
  EXPECT_EQ(container.run({caged, "keep", "99", "shutdown", "99"}), ENOTCONN);
  EXPECT_EQ(container.run({caged, "listen", "8080", "bind", "8081"}), EPERM);
  EXPECT_EQ(container.run({caged, "listen", "8080", "connect-new", "8080"}), EPERM);
  EXPECT_EQ(container.run({caged, "listen", "8080", "keep", "99", "shutdown", "99"}), EPERM);
}

TEST_F(SubjectSeals, OfTwoSubjectsEachIsSealedByItsOwn) {
  cage("listen tcp/8080");
  container.subject(1, third, sealed_by("listen tcp/8081"));
  container.enforce();
  EXPECT_EQ(container.run({caged, "exec", third, "socket"}), 0);
  EXPECT_EQ(container.run({caged, "exec", third, "listen", "8080", "socket"}), EPERM);
  EXPECT_EQ(container.run({caged, "exec", third, "listen", "8081", "socket"}), EPERM);
  // A new run of the one is held by the sealed run of the other.
  EXPECT_EQ(container.run({caged, "listen", "8080", "exec", third, "socket"}), EPERM);
  EXPECT_EQ(container.run({third, "listen", "8080", "exec", caged, "socket"}), 0);
}

TEST(ContainerSeals, AndThoseOfSubjectsAreApart) {
  SubjectContainer both("both", {{"io.socklid.create.udp", "deny"}, {"io.socklid.seal", "listen"}});
  const std::string caged = both.program("caged");
  const std::string other = both.program("other");
  both.subject(0, caged, sealed_by("listen tcp/8080"));
  both.enforce();
  EXPECT_EQ(both.run({other, "keep-udp", "99"}), 0);
  EXPECT_EQ(both.run({caged, "keep-udp", "99"}), 0);
  // The container is sealed by the first listen of all, and that run of the subject is not.
  EXPECT_EQ(both.run({caged, "listen", "8081", "keep-udp", "99"}), EPERM);
  EXPECT_EQ(both.run({caged, "listen", "8081", "socket"}), 0);
  EXPECT_EQ(both.run({other, "keep-udp", "99"}), EPERM);
  EXPECT_EQ(both.run({caged, "socket"}), 0);
  EXPECT_EQ(both.run({caged, "listen", "8080", "socket"}), EPERM);
}

TEST_F(SubjectSeals, WhoIsEveryoneElseComesToNoOtherRunOfIt) {
  container.subject(0, caged, {{"io.socklid.listen", "deny"}}).inherit = 0;
  container.subject(SL_SUBJECT_OTHERS, "", sealed_by("listen"));
  container.enforce();
  EXPECT_EQ(container.run({other, "socket"}), 0);
  EXPECT_EQ(container.run({other, "listen", "8080", "socket"}), EPERM);
  EXPECT_EQ(container.run({other, "listen", "8080", "exec", caged, "exec", third, "socket"}),
            EPERM);
  EXPECT_EQ(container.run({other, "exec", caged, "exec", third, "socket"}), 0);
}

TEST_F(SubjectSeals, WhomALevelHasFreedMayBeginAnother) {
  cage().inherit = 0;
  container.enforce();
  EXPECT_EQ(container.run({caged, "listen", "8080", "exec", other, "socket"}), 0);
  EXPECT_EQ(container.run({caged, "listen", "8080", "exec", other, "exec", caged, "socket"}), 0);
}

TEST_F(SubjectSeals, AnOpenRunIsHeldByNobodyOfAnother) {
  cage("manual");
  container.enforce();
  const Waiting target(container, caged);
  const std::vector<Words> ways = {{"trace"}, {"writev"}, {"mem"}, {"getfd"}};
  const auto hold = [&](Words from, const Words& way) {
    from.insert(from.end(), {way.front(), target.pid()});
    if (way.front() == "getfd") from.emplace_back("0");
    return container.run(from);
  };
  for (const Words& way : ways) {
    const int refused = way.front() == "mem" ? EACCES : EPERM;
    // A hold would outlast the tracer's own seal.
    EXPECT_EQ(hold({caged}, way), refused) << way.front();
    EXPECT_EQ(hold({caged, "exec", other}, way), refused) << way.front();
    EXPECT_EQ(hold({other}, way), 0) << way.front();
  }
  EXPECT_EQ(container.run({caged, "traceme"}), 0);
  container.seal_by_hand(0);
  for (const Words& way : ways) EXPECT_EQ(hold({caged}, way), 0) << way.front();
  EXPECT_EQ(container.denials(SL_REASON_TRACE), 2 * ways.size());
}

TEST_F(SubjectSeals, OnlyTheNewestRunsAreOpen) {
  cage();
  container.enforce();
  Waiting first(container, {caged}, {"socket"});
  for (int i = 1; i < SL_RUNS; i++) ASSERT_EQ(container.run({caged, "socket"}), 0);
  Waiting newest(container, {caged}, {"socket"});
  EXPECT_EQ(first.end(), EPERM);
  EXPECT_EQ(newest.end(), 0);
}

TEST_F(SubjectSeals, ARunOfWhichNothingIsKnownIsSealed) {
  cage();
  container.enforce();
  Waiting before(container, {caged}, {"socket"});
  const sl_subject_key key{container.cgroup().id(), 0, 0};
  ASSERT_EQ(bpf_map_delete_elem(open_map("subject_runs").get(), &key), 0);
  EXPECT_EQ(container.run({caged, "socket"}), EPERM);
  // Whoever makes an entry anew makes no run of before open.
  put_in("subject_runs", key, no_runs());
  EXPECT_EQ(container.run({caged, "socket"}), 0);
  EXPECT_EQ(before.end(), EPERM);
}

TEST_F(SubjectSeals, ThreadsDoNotOvertakeIt) {
  cage();
  container.enforce();
  std::vector<pid_t> started;
  for (int i = 0; i < 8; i++) {
    started.push_back(container.start(
        {caged, "thread", "fork", "child-listen", std::to_string(8100 + i), "thread", "socket"}));
  }
  for (const pid_t one : started) EXPECT_EQ(exit_of(one), EPERM);
}

}  // namespace
}  // namespace socklid::test
