// SPDX-License-Identifier: Apache-2.0
//
// Subjects: programs of the container that have policies of their own, and paths that nobody in it
// may change. As values; which files they are in the container is looked up when it starts.
//
//   io.socklid.subject.sendmail: /usr/sbin/sendmail bind=deny
//   io.socklid.readonly:         /usr/sbin /etc/apache2 !/etc/apache2/run
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "annotations/policy.hpp"

namespace socklid::annotations {

inline constexpr std::size_t max_subjects = 16;
inline constexpr std::size_t max_windows = 4;
/// Levels without end.
inline constexpr std::uint8_t inherit_all = 255;

/// Of each day, local time of the subject's zone.
struct Window {
  std::uint16_t from{0};  ///< minute, 0..1439
  std::uint16_t to{0};    ///< minute, 0..1440, no part of it; less than `from`: over midnight

  friend bool operator==(const Window&, const Window&) = default;
};

struct Subject {
  std::string name;               ///< [a-z0-9-]{1,20}
  std::vector<std::string> exec;  ///< absolute paths in the container; empty: everyone else, "*"
  Policy policy;                  ///< what it takes away; without subjects and `readonly`
  std::uint8_t inherit{inherit_all};  ///< 0..100, or inherit_all
  std::vector<Window> hours;          ///< in the order given; none: always
  std::string zone{"UTC"};            ///< "UTC", "+02:00", or a name of the tz database

  friend bool operator==(const Subject&, const Subject&) = default;
};

}  // namespace socklid::annotations
