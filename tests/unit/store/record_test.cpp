// SPDX-License-Identifier: Apache-2.0
//
// Fails if two containers can get one name, if a record is not read as it was written, grows with
// what was asked for, or is not understood as the version before wrote it.
#include "store/record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <set>
#include <string>

#include "node/container_state.hpp"
#include "tests/support/record_examples.hpp"

namespace socklid {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(Record, ReadsBackAsWritten) {
  const auto [record, details] = example();
  EXPECT_EQ(parse_record(to_json(record)).value(), record);
  EXPECT_EQ(parse_details(to_json(details)).value(), details);
  Record plain = record;
  plain.mark = std::nullopt;
  plain.rules = false;
  plain.view = std::nullopt;
  EXPECT_EQ(parse_record(to_json(plain)).value(), plain);
  EXPECT_EQ(parse_details(to_json(Details{})).value(), Details{});
}

TEST(Record, HasWhatWasLookedUp) {
  constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
  Details details = example().details;
  details.looked_up = {.mntns = 4026532999,
                       .tai_offset = 37'000'000'000,
                       .files = {{{largest, 8 << 20 | 1}, 1, 9}, {{2, 0xffffffff}, 0x8000, 3}},
                       .named = {{{12, 44}, "s\xff\n\"shd", 1}},
                       .programs = {{0, "/usr/sbin/sshd", {largest, 8 << 20 | 1}}},
                       .zones = {{3, {{-5, -3600}, {1806195600, 7200}}}}};
  const std::string text = to_json(details);
  EXPECT_EQ(parse_details(text).value(), details);
  EXPECT_EQ(to_json(example().details).find("looked_up"), std::string::npos) << "of most nothing";
  for (const char* member : {"files", "named", "programs", "zones", "mntns", "tai_offset"}) {
    std::string broken = text;
    broken.replace(broken.find(concat("\"", member, "\"")) + 1, 1, "x");
    const auto parsed = parse_details(broken);
    ASSERT_FALSE(parsed) << member;
    EXPECT_EQ(parsed.error().exit, Exit::store);
  }
}

TEST(Record, IsSmallWhateverItHolds) {
  Record largest = example().record;
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  largest.cgroup_id = largest.netns = largest.start_time = most;
  largest.view = View{most, most, most};
  largest.created = largest.pid = std::numeric_limits<std::int64_t>::min();
  largest.mark = annotations::Mark{0xffffffff, 0xffffffff};
  largest.placement.slot = slot_max;
  for (const char* character : {"a", "\"", "\\", "\xc3\xa9"}) {
    largest.id.clear();
    while (largest.id.size() + std::strlen(character) <= id_limit) largest.id += character;
    EXPECT_LE(to_json(largest).size(), record_limit) << character;
  }
}

TEST(Record, HasTheContainersNameApartFromWhatAuthorsWrote) {
  const Details named = example().details;
  // Version 0.1.0 has no such member, and the engines' annotations among ours.
  Details old = named;
  old.container.clear();
  old.annotations["io.kubernetes.cri.container-name"] = "side";
  EXPECT_EQ(parse_details(to_json(old)).value().container, "side");
  old.annotations["io.kubernetes.container.name"] = "web";
  EXPECT_EQ(parse_details(to_json(old)).value(), named) << "the one it asked first";
}

TEST(Record, NamesWhatIsMissing) {
  EXPECT_THAT(parse_record("{").error().message, HasSubstr("byte"));
  EXPECT_THAT(parse_record("{}").error().message, HasSubstr("rules"));
  EXPECT_THAT(parse_record(R"({"rules":true,"id":7})").error().message, HasSubstr("id"));
  EXPECT_EQ(parse_record("[]").error().exit, Exit::store);
  EXPECT_THAT(parse_details("{}").error().message, HasSubstr("annotations"));
}

TEST(Record, ReadsThoseOfTheFirstVersion) {
  Saved old = example();
  old.record.start_time = 0;
  old.record.view = std::nullopt;
  EXPECT_EQ(parse_record(of_0_1_0).value(), old.record);
  EXPECT_EQ(parse_details(of_0_1_0).value(), old.details);
}

TEST(Key, HoldsNothingThatBpffsRefuses) {
  EXPECT_EQ(key_of("web", 0x1f), "web_1f");
  EXPECT_EQ(key_of("a.b_c", 1), "a_2eb_5fc_1");
  for (const std::string& id : {std::string("a.b"), std::string(200, '.'), std::string("\xc3\xa9"),
                                std::string(200, 'a')}) {
    const std::string key = key_of(id, ~std::uint64_t{0});
    EXPECT_EQ(key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-_"),
              std::string::npos);
    EXPECT_LE(key.size() + std::string("staging_").size(), 255U);
    const auto parts = parse_key(key);
    ASSERT_TRUE(parts) << key;
    EXPECT_EQ(*parts, (StoreKey{encode_id(id), ~std::uint64_t{0}}));
  }
}

TEST(Key, DiffersForDifferentContainers) {
  std::set<std::string> keys;
  const std::string tail(199, '.');
  for (const std::string& id : {std::string("a"), std::string("a."), std::string("a_2e"),
                                std::string("A"), "a" + tail, "b" + tail, tail + "a", tail + "b"}) {
    for (const std::uint64_t cgroup : {1U, 2U, 0x2eU}) keys.insert(key_of(id, cgroup));
  }
  EXPECT_THAT(keys, SizeIs(8 * 3));
}

TEST(Key, OtherNamesAreNone) {
  for (const char* name :
       {"", "_", "a", "a_", "_1", "a_x", "a_1.json", "a.b_1", "a_-1", "a_11112222333344445"}) {
    EXPECT_FALSE(parse_key(name)) << name;
  }
}

}  // namespace
}  // namespace socklid
