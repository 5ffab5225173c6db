// SPDX-License-Identifier: Apache-2.0
//
// Subjects: programs of the container that have policies of their own, and paths that nobody in it
// may change. As values; which files they are in the container is looked up when it starts.
//
//   SUBJECT := EXEC { ' ' MEMBER '=' VALUE }     the value of io.socklid.subject.NAME
//   EXEC    := PATHS | '*'                       annotations/subject/paths.hpp; of several paths
//                                                one at least must be there; * is everyone else
//   MEMBER  := create | create.tcp | create.udp | families | connect | bind | listen | accept |
//              shutdown | mark | egress | otherwise | seal      as the keys of these names
//            | inherit | hours | zone            annotations/subject/hours.hpp
//   VALUE   := as the key's, with '+' for each space between items
//   inherit := all | none | 0..100
//
//   io.socklid.subject.sendmail: /usr/sbin/sendmail bind=deny
//   io.socklid.subject.sshd:     /usr/sbin/sshd mark=5 egress=tcp/22 bind=tcp/22+tcp/23
//   io.socklid.readonly:         /usr/sbin /etc/apache2 !/etc/apache2/run
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "annotations/policy.hpp"
#include "annotations/value_text.hpp"
#include "base/result.hpp"

namespace socklid::annotations {

/// The most subjects of one container, the one that is everyone else among them.
inline constexpr std::size_t max_subjects = 16;
/// The most programs of all of them together. The node holds 256 containers with so many, and with
/// as many protected files (SL_PROGRAM_NAMES in bpf/subject_abi.h).
inline constexpr std::size_t max_programs = 128;
inline constexpr std::size_t max_windows = 4;
/// Levels without end.
inline constexpr std::uint8_t inherit_all = 255;

/// The part of each day, in local time of the subject's zone.
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

  // Not here, where clang 14 would go round in circles between both operators, and crash.
  friend bool operator==(const Subject& one, const Subject& other);
};

/// The keys that are members of a subject too. What opens something is not among them: a subject
/// only takes away (D20).
inline constexpr Keys subject_keys{Key::create,   Key::create_tcp, Key::create_udp, Key::families,
                                   Key::connect,  Key::bind,       Key::listen,     Key::accept,
                                   Key::shutdown, Key::mark,       Key::egress,     Key::otherwise,
                                   Key::seal};

[[nodiscard]] inline bool is_everyone_else(const Subject& subject) {
  return subject.exec.empty();
}

/// [a-z0-9-]{1,20}
[[nodiscard]] bool is_subject_name(std::string_view name);

/// The subject `value.name`, without looking at others. Errors: Exit::annotation.
[[nodiscard]] Result<Subject> parse_subject(const ValueText& value);

/// "/usr/sbin/sshd bind=tcp/22+tcp/23 mark=0x5 inherit=1": parses back to the same subject.
[[nodiscard]] std::string to_string(const Subject& subject);

/// Checks what no subject alone shows: two of one file, more than there may be. Errors:
/// Exit::annotation, naming both.
[[nodiscard]] Result<> check_subjects(const std::vector<Subject>& subjects);

/// The policy that holds in a subject: its own, and what the container's opens. Neither has
/// subjects of its own.
[[nodiscard]] Policy policy_within(const Policy& container, const Subject& subject);

}  // namespace socklid::annotations
