// SPDX-License-Identifier: Apache-2.0
#include "node/zone.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <optional>

#include "base/unique_fd.hpp"

namespace socklid {
namespace {

constexpr const char* database = "/usr/share/zoneinfo";
constexpr std::size_t name_limit = 64;
constexpr std::int64_t day = std::int64_t{24} * 60 * 60;

Failure unknown(const std::string& zone) {
  return fail(Exit::unsupported,
              concat("io.socklid.subject: zone ", quote(zone, name_limit), " is not in ", database,
                     " of this node: install tzdata, or name UTC, +HH:MM or a zone that is there"),
              {.key = "io.socklid.subject"});
}

/// "+HH:MM" in seconds.
std::optional<std::int32_t> fixed_offset(std::string_view zone) {
  constexpr std::size_t length = 6;
  if (zone.size() != length || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return {};
  const auto hours = parse_number<std::int32_t>(zone.substr(1, 2));
  const auto minutes = parse_number<std::int32_t>(zone.substr(4, 2));
  if (!hours || !minutes || *hours < 0 || *minutes < 0 || *minutes > 59) return {};
  const std::int32_t seconds = (*hours * 60 + *minutes) * 60;
  return zone[0] == '-' ? -seconds : seconds;
}

bool is_name(std::string_view zone) {
  if (zone.empty() || zone.size() > name_limit || zone.front() == '/') return false;
  if (zone.find("..") != std::string_view::npos) return false;
  return std::all_of(zone.begin(), zone.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '+');
  });
}

/// For localtime_r(3) any file will do, and none, which is UTC then.
bool is_in_database(const std::string& zone) {
  const std::string path = std::string(database) + "/" + zone;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 4> magic{};
  if (!file || ::read(file.get(), magic.data(), magic.size()) != ssize_t{4}) return false;
  return std::string_view(magic.data(), magic.size()) == "TZif";
}

/// The environment's zone while this lives.
class Zone {
 public:
  explicit Zone(const std::string& zone) {
    if (const char* const old = std::getenv("TZ")) old_ = old;
    ::setenv("TZ", (std::string(":") + database + "/" + zone).c_str(), 1);
    ::tzset();
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() {
    old_ ? ::setenv("TZ", old_->c_str(), 1) : ::unsetenv("TZ");
    ::tzset();
  }
  [[nodiscard]] static std::int32_t offset(std::int64_t when) {
    const time_t time = when;
    tm parts{};
    if (::localtime_r(&time, &parts) == nullptr) return 0;
    return static_cast<std::int32_t>(parts.tm_gmtoff);
  }

 private:
  std::optional<std::string> old_;
};

/// The first second after `from` with another offset; `to` has another one.
std::int64_t change_between(std::int64_t from, std::int64_t to) {
  const std::int32_t offset = Zone::offset(from);
  while (to - from > 1) {
    const std::int64_t middle = from + (to - from) / 2;
    (Zone::offset(middle) == offset ? from : to) = middle;
  }
  return to;
}

}  // namespace

Result<std::vector<ZoneChange>> zone_changes(const std::string& zone, std::int64_t now) {
  if (zone == "UTC") return std::vector<ZoneChange>{};
  if (const auto fixed = fixed_offset(zone)) {
    return std::vector<ZoneChange>{{.from = now, .offset = *fixed}};
  }
  if (!is_name(zone) || !is_in_database(zone)) return unknown(zone);
  // No zone has changed its offset twice within so few days and back.
  constexpr std::int64_t stride = 7 * day;
  constexpr std::int64_t days_of_year = 366;
  const Zone here(zone);
  std::vector<ZoneChange> changes = {{.from = now, .offset = Zone::offset(now)}};
  const std::int64_t end = now + zone_years * days_of_year * day;
  for (std::int64_t at = now; at < end && changes.size() < SL_HOURS_ZONES; at += stride) {
    if (Zone::offset(at + stride) == Zone::offset(at)) continue;
    const std::int64_t from = change_between(at, at + stride);
    changes.push_back({.from = from, .offset = Zone::offset(from)});
  }
  return changes;
}

Result<std::uint64_t> tai_offset() {
  constexpr std::uint64_t nanoseconds = 1'000'000'000;
  timex clock{};
  if (::adjtimex(&clock) < 0) return fail_errno(Exit::node, "ask for the clock's TAI offset");
  return clock.tai < 0 ? 0 : static_cast<std::uint64_t>(clock.tai) * nanoseconds;
}

}  // namespace socklid
