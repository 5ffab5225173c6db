// SPDX-License-Identifier: Apache-2.0
//
// Fails if a state we cannot trust is accepted, if one that a runtime writes is refused, or if a
// refusal does not say what is wrong in one line.
#include "node/container_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "system/input.hpp"

namespace socklid {
namespace {

using ::testing::HasSubstr;

std::string state_with(const std::string& members) {
  return R"({"ociVersion":"1.0","id":"web","status":"creating","pid":42,"bundle":"/b")" +
         (members.empty() ? "" : "," + members) + "}";
}

std::string why_not(const std::string& text, Stage stage = Stage::create) {
  const auto state = parse_state(text, stage);
  if (state) return "accepted";
  EXPECT_EQ(state.error().exit, Exit::state);
  EXPECT_EQ(state.error().message.find('\n'), std::string::npos) << state.error().message;
  return state.error().message;
}

TEST(ContainerState, ReadsWhatRuncWrites) {
  const auto state =
      parse_state(state_with(R"("annotations":{"io.socklid.connect":"deny"})"), Stage::create);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->id, "web");
  EXPECT_EQ(state->status, "creating");
  EXPECT_EQ(state->pid, 42);
  EXPECT_EQ(state->bundle, "/b");
  EXPECT_EQ(state->annotations.at("io.socklid.connect"), "deny");
}

TEST(ContainerState, NeedsNoAnnotationsBundleOrVersion) {
  for (const char* text : {R"({"id":"a","status":"created","pid":1})",
                           R"({"id":"a","status":"created","pid":1,"annotations":null})",
                           R"({"id":"a","status":"created","pid":1,"annotations":{}})",
                           R"({"id":"a","status":"created","pid":1,"root":"/x","more":[1]})"}) {
    const auto state = parse_state(text, Stage::create);
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_TRUE(state->annotations.empty());
  }
}

TEST(ContainerState, RefusesBrokenDocuments) {
  EXPECT_THAT(why_not(""), HasSubstr("empty"));
  EXPECT_THAT(why_not("[]"), HasSubstr("an array, not an object"));
  const std::string whole = state_with("");
  for (std::size_t length = 1; length < whole.size(); ++length) {
    EXPECT_NE(why_not(whole.substr(0, length)), "accepted") << length;
  }
  EXPECT_THAT(why_not(whole + "x"), HasSubstr("byte"));
  EXPECT_NE(why_not(std::string(100'000, '[')), "accepted");
  EXPECT_NE(why_not(state_with("\"annotations\":{\"a\":\"\xff\xfe\"}")), "accepted");
  EXPECT_THAT(why_not(std::string(state_limit + 1, ' ')), HasSubstr("1 MiB"));
}

TEST(ContainerState, NamesTheMemberThatIsWrong) {
  EXPECT_THAT(why_not(R"({"status":"created","pid":1})"), HasSubstr("no id"));
  EXPECT_THAT(why_not(R"({"id":"a","pid":1})"), HasSubstr("no status"));
  EXPECT_THAT(why_not(R"({"id":7,"status":"created"})"), HasSubstr("id is a number"));
  EXPECT_THAT(why_not(R"({"id":"a","status":{}})"), HasSubstr("status is an object"));
  EXPECT_THAT(why_not(R"({"id":"a","status":"created","pid":"7"})"), HasSubstr("pid is a string"));
  EXPECT_THAT(why_not(R"({"id":"a","status":"created","pid":1.5})"), HasSubstr("pid is"));
  EXPECT_THAT(why_not(R"({"id":"a","status":"created","pid":-1})"), HasSubstr("pid -1"));
  EXPECT_THAT(why_not(R"({"id":"a","status":"created","pid":4194305})"), HasSubstr("4194304"));
  EXPECT_THAT(why_not(R"({"id":"a","status":"created","pid":1,"annotations":[]})"),
              HasSubstr("annotations is an array"));
  EXPECT_THAT(why_not(R"({"id":"a","status":"created","pid":1,"annotations":{"k\n":1}})"),
              HasSubstr(R"(annotation "k\n" is a number)"));
}

TEST(ContainerState, RefusesIdsThatAreNoNames) {
  const auto with_id = [](const std::string& id) {
    return why_not(R"({"id":")" + id + R"(","status":"created","pid":1})");
  };
  for (const char* id : {"", ".", "..", "a/b", "../a", "a b", "a\\n", "a\\u007f", "a\\u0001"}) {
    EXPECT_THAT(with_id(id), HasSubstr("id")) << id;
  }
  EXPECT_THAT(with_id(std::string(201, 'a')), HasSubstr("the limit is 200"));
  EXPECT_EQ(with_id(std::string(200, 'a')), "accepted");
  EXPECT_EQ(with_id("web.1..x"), "accepted");
}

TEST(ContainerState, RemovalNeedsTheIdAlone) {
  const auto state =
      parse_state(R"({"id":"a","status":7,"pid":"x","annotations":[]})", Stage::remove);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->id, "a");
  EXPECT_EQ(state->pid, 0);
  EXPECT_THAT(why_not(R"({"id":"../a"})", Stage::remove), HasSubstr("id"));
}

TEST(ContainerState, IsReadyWithAProcess) {
  for (const char* status : {"creating", "created", "running", "stopped"}) {
    const ContainerState state{
        .id = "a", .status = status, .pid = 7, .bundle = {}, .annotations = {}};
    EXPECT_TRUE(check_ready(state)) << status;
  }
}

TEST(ContainerState, IsNotReadyWithoutOne) {
  ContainerState state{.id = "a", .status = "created", .pid = 0, .bundle = {}, .annotations = {}};
  EXPECT_THAT(check_ready(state).error().message, HasSubstr("youki"));
  EXPECT_EQ(check_ready(state).error().exit, Exit::state);
  state.status = "stopped";
  EXPECT_EQ(check_ready(state).error().exit, Exit::usage);
  state.status = "paused";
  EXPECT_THAT(check_ready(state).error().message, HasSubstr("unknown status \"paused\""));
}

TEST(Stage, ComesFromTheArgument) {
  EXPECT_EQ(parse_stage("createRuntime").value(), Stage::create);
  EXPECT_EQ(parse_stage("prestart").value(), Stage::create);
  EXPECT_EQ(parse_stage("poststop").value(), Stage::remove);
  for (const char* other : {"", "poststart", "createruntime", "createContainer"}) {
    ASSERT_FALSE(parse_stage(other)) << other;
    EXPECT_EQ(parse_stage(other).error().exit, Exit::usage);
  }
}

TEST(Input, IsReadToItsEnd) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string sent(300'000, 'x');
  std::thread writer([&] {  // in pieces, as a pipe holds 64 KiB
    EXPECT_EQ(::write(ends[1], sent.data(), sent.size()), static_cast<ssize_t>(sent.size()));
    ::close(ends[1]);
  });
  EXPECT_EQ(read_input(ends[0], 300'000).value_or(""), sent);
  writer.join();
  ::close(ends[0]);
}

TEST(Input, LargerThanTheLimitIsDrainedAndRefused) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::thread writer([&] {
    const std::string sent(100'000, 'x');  // would get EPIPE if the reader stopped at the limit
    EXPECT_EQ(::write(ends[1], sent.data(), sent.size()), static_cast<ssize_t>(sent.size()));
    ::close(ends[1]);
  });
  const auto input = read_input(ends[0], 50'000);
  writer.join();
  ::close(ends[0]);
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().exit, Exit::state);
}

}  // namespace
}  // namespace socklid
