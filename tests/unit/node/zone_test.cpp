// SPDX-License-Identifier: Apache-2.0
//
// Fails if a zone's clock in the kernel would show another time than the node's own.
#include "node/zone.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <cstdlib>

namespace socklid {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t november = 1795910400;  // 2026-11-29 00:00 UTC
constexpr std::int64_t day = 86400;

/// As the programs find it (bpf/subject_abi.h).
std::int32_t offset_at(const std::vector<ZoneChange>& changes, std::int64_t when) {
  std::int32_t offset = changes.empty() ? 0 : changes.front().offset;
  for (const ZoneChange& change : changes) {
    if (change.from <= when) offset = change.offset;
  }
  return offset;
}

TEST(Zone, IsNothingInUtcAndFixedWhereItIsANumber) {
  EXPECT_TRUE(zone_changes("UTC", november)->empty());
  EXPECT_EQ(zone_changes("+02:00", november)->front().offset, 7200);
  EXPECT_EQ(zone_changes("-03:30", november)->front().offset, -12600);
}

TEST(Zone, RefusesWhatTheNodeDoesNotKnow) {
  for (const char* zone : {"Europe/Nowhere", "", "../../etc/passwd", "/etc/localtime", "zone.tab",
                           "Europe", "+2:00", "+02:60", "a b", "Europe/../UTC"}) {
    const auto changes = zone_changes(zone, november);
    ASSERT_FALSE(changes) << zone;
    EXPECT_EQ(changes.error().exit, Exit::unsupported) << zone;
    EXPECT_THAT(changes.error().message, HasSubstr("install tzdata")) << zone;
  }
}

TEST(Zone, ChangesWhenTheNodesClockDoes) {
  ::setenv("TZ", "Asia/Tokyo", 1);
  for (const char* zone : {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                           "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia"}) {
    const auto changes = zone_changes(zone, november);
    ASSERT_TRUE(changes) << changes.error().message;
    EXPECT_STREQ(std::getenv("TZ"), "Asia/Tokyo") << "it puts the environment back";
    ASSERT_LE(changes->size(), std::size_t{SL_HOURS_ZONES}) << zone;
    const std::int64_t last =
        changes->size() == SL_HOURS_ZONES ? changes->back().from : november + 3650 * day;
    ::setenv("TZ", zone, 1);
    ::tzset();
    for (std::int64_t when = november; when < last; when += 6 * 3600 + 1800) {
      const time_t time = when;
      tm parts{};
      ::localtime_r(&time, &parts);
      ASSERT_EQ(offset_at(*changes, when), parts.tm_gmtoff) << zone << " at " << when;
    }
    ::setenv("TZ", "Asia/Tokyo", 1);
  }
  ::unsetenv("TZ");
  ::tzset();
}

TEST(Zone, ChangesToTheSecond) {
  const auto changes = zone_changes("Europe/Berlin", november).value();
  ASSERT_GE(changes.size(), 20U);
  EXPECT_EQ(changes[0], (ZoneChange{.from = november, .offset = 3600}));
  EXPECT_EQ(changes[1], (ZoneChange{.from = 1806195600, .offset = 7200})) << "2027-03-28 01:00";
}

TEST(TaiOffset, IsWhatTheKernelHas) {
  const auto offset = tai_offset();
  ASSERT_TRUE(offset) << offset.error().message;
  EXPECT_EQ(*offset % 1'000'000'000, 0U);
  EXPECT_LE(*offset, 60'000'000'000U);
}

}  // namespace
}  // namespace socklid
