// SPDX-License-Identifier: Apache-2.0
//
// A seal as the kernel gets it, and as people are told of it. Fails if the image waits for
// something else than the annotation, or if a seal is called open that is not, or the other way
// round.
#include "plan/seal.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "command/events.hpp"
#include "command/running/seal_status.hpp"
#include "plan/plan.hpp"

namespace socklid {
namespace {

using annotations::Policy;
using annotations::Seal;
using annotations::Verdict;

constexpr std::uint64_t second = 1'000'000'000;

sl_seal image_of(std::string_view text) {
  const auto seal = annotations::parse_seal({.key = "io.socklid.seal", .text = text});
  EXPECT_TRUE(seal) << text;
  return seal_image(*seal).value();
}

bool has(const Plan& plan, Hook hook) {
  return std::find(plan.hooks.begin(), plan.hooks.end(), hook) != plan.hooks.end();
}

TEST(SealImage, HasTheListens) {
  const sl_seal seal = image_of("listen tcp/80 tcp/110@127.0.0.1 tcp/110@::1");
  EXPECT_EQ(seal.waits_for, std::uint32_t{SL_SEAL_BY_LISTEN});
  ASSERT_EQ(seal.listen_count, 3U);
  EXPECT_EQ(seal.missing, 7U);
  EXPECT_EQ(seal.listens[0].port, 80);
  EXPECT_EQ(seal.listens[0].family, 0);
  EXPECT_EQ(seal.listens[1].family, AF_INET);
  EXPECT_EQ(seal.listens[1].address[0], htonl(INADDR_LOOPBACK));
  EXPECT_EQ(seal.listens[2].family, AF_INET6);
  EXPECT_EQ(seal.listens[2].address[3], htonl(1));
}

TEST(SealImage, IsNothingFromTheStart) {
  EXPECT_FALSE(seal_image(Seal{}).has_value());
  EXPECT_EQ(image_of("listen").missing, 0U);
  EXPECT_EQ(image_of("5m").duration, 300 * second);
}

TEST(SealImage, IsWaitedForByTheHookItNeeds) {
  Policy policy;
  policy.create = Verdict::deny;
  const Plan start = compile(policy);
  EXPECT_EQ(start.image.flags & SL_SEALED_LATER, 0U);
  for (const Hook hook : {Hook::sock_ops, Hook::sock_graft, Hook::bprm_committed_creds}) {
    EXPECT_FALSE(has(start, hook));
  }
  const std::pair<Seal::Kind, Hook> needed[] = {{Seal::Kind::listen, Hook::sock_ops},
                                                {Seal::Kind::accept, Hook::sock_graft},
                                                {Seal::Kind::after, Hook::bprm_committed_creds}};
  for (const auto& [kind, hook] : needed) {
    policy.seal.kind = kind;
    const Plan plan = compile(policy);
    EXPECT_NE(plan.image.flags & SL_SEALED_LATER, 0U);
    EXPECT_TRUE(has(plan, hook)) << name(hook);
    EXPECT_EQ(plan.hooks.size(), start.hooks.size() + 1);
  }
}

TEST(SealStatus, IsOpenUntilSealed) {
  sl_seal seal = image_of("listen tcp/80 tcp/443");
  EXPECT_FALSE(sealed_at(seal, 5 * second).has_value());
  EXPECT_EQ(waits_for(seal, 0), "listen on tcp/80 tcp/443");
  seal.missing = 2;
  EXPECT_EQ(waits_for(seal, 0), "listen on tcp/443");
  seal.sealed_at = 4 * second;
  seal.sealed_by = SL_SEAL_BY_HAND;
  EXPECT_EQ(sealed_at(seal, 5 * second), 4 * second);
  const auto status =
      command::status_of(seal, {.boot = 5 * second, .utc = 1000 * std::int64_t{second}});
  EXPECT_EQ(status.sealed, 999);
  EXPECT_EQ(status.by, "hand");
  EXPECT_EQ(command::seal_text(status), "sealed 1970-01-01T00:16:39Z by hand");
  EXPECT_EQ(command::seal_word(status), "sealed");
}

TEST(SealStatus, OfADurationGoesByTheClock) {
  sl_seal seal = image_of("30s");
  EXPECT_FALSE(sealed_at(seal, 1000 * second).has_value());
  EXPECT_EQ(waits_for(seal, 1000 * second), "the program's start");
  seal.started_at = 1000 * second;
  EXPECT_FALSE(sealed_at(seal, 1030 * second - 1).has_value());
  EXPECT_EQ(waits_for(seal, 1000 * second + 1), "30 s more");
  EXPECT_EQ(sealed_at(seal, 1030 * second), 1030 * second);
  const auto status =
      command::status_of(seal, {.boot = 1040 * second, .utc = 1000 * std::int64_t{second}});
  EXPECT_EQ(status.sealed, 990);
  EXPECT_EQ(status.by, "time");
}

TEST(SealStatus, SaysWhatIsWaitedFor) {
  EXPECT_EQ(waits_for(image_of("listen"), 0), "any listen");
  EXPECT_EQ(waits_for(image_of("accept"), 0), "the first accept");
  EXPECT_EQ(waits_for(image_of("manual"), 0), "socklid seal");
  EXPECT_EQ(command::seal_text(std::nullopt), "from the start");
  EXPECT_EQ(command::seal_text(command::status_of(image_of("listen tcp/110@::"), {})),
            "open, waits for listen on tcp/110@::");
}

TEST(RunsSeal, IsWhatItsWordSays) {
  const sl_seal wanted = image_of("listen tcp/80 tcp/443");
  sl_run run{};
  run.started_at = 10;
  run.word = 7ULL << SL_RUN_BITS | 2;
  EXPECT_EQ(waits_for(seal_of_run(wanted, run), 20), "listen on tcp/443");
  EXPECT_FALSE(sealed_at(seal_of_run(wanted, run), 20));
  run.word = 7ULL << SL_RUN_BITS;
  EXPECT_EQ(sealed_at(seal_of_run(wanted, run), 20), std::optional<std::uint64_t>(10));
  run.sealed_at = 15;
  run.sealed_by = SL_SEAL_BY_HAND;
  EXPECT_EQ(sealed_at(seal_of_run(wanted, run), 20), std::optional<std::uint64_t>(15));
  run.word |= 1;
  EXPECT_EQ(waits_for(seal_of_run(image_of("listen"), run), 20), "any listen");
  EXPECT_EQ(sealed_at(seal_of_run(image_of("2s"), run), 10 + 2 * second),
            std::optional<std::uint64_t>(10 + 2 * second));
}

TEST(Events, AreALine) {
  const sl_event event{.time = 4 * second,
                       .cgroup_id = 7,
                       .cause = SL_SEAL_BY_LISTEN,
                       .pid = 77,
                       .command = "apa\x1b",
                       .run = 3,
                       .subject = 1,
                       .pad = 0};
  const command::Moment now{.boot = 5 * second, .utc = 1000 * std::int64_t{second}};
  EXPECT_EQ(command::event_text(event, {.container = "web", .subject = ""}, now),
            "1970-01-01T00:16:39Z web sealed by listen (apa\\x1b, process 77)\n");
  EXPECT_EQ(command::event_text(event, {.container = "web", .subject = "apache"}, now),
            "1970-01-01T00:16:39Z web subject apache sealed by listen (apa\\x1b, process 77)\n");
  EXPECT_EQ(command::event_json(event, {.container = "web", .subject = "apache"}, now)
                .find_string("subject"),
            "apache");
}

}  // namespace
}  // namespace socklid
