// SPDX-License-Identifier: Apache-2.0
//
// The value of io.socklid.policy: a JSON object whose members are the keys without "io.socklid.".
//
//   {"create": "deny", "bind": ["tcp/80", "tcp/443"], "egress": "udp/53@10.0.0.2", "mark": 3}
//
// A value is the string that the key would have. Lists (families, connect, bind, egress, readonly)
// may also be arrays of strings with one item each, mark an integer. Subjects are the members of an
// object, by their names, each with its programs as "exec":
//
//   {"subjects": {"sshd": {"exec": ["/usr/sbin/sshd"], "bind": "tcp/22", "inherit": 1}}}
//
// Unknown members, duplicate ones and a "policy" inside the policy are errors. Internal to
// annotations/.
#pragma once

#include <map>
#include <string>

#include "annotations/policy.hpp"
#include "annotations/settings.hpp"
#include "annotations/value_text.hpp"

namespace socklid::annotations {

/// One setting as somebody gave it.
struct Given {
  const Setting* setting{nullptr};
  std::string label;  ///< what errors call it: "io.socklid.bind/web", "io.socklid.policy: bind"
  std::string shown;  ///< its value, quoted and shortened
  Policy meaning;     ///< the default policy with this one setting in it
};

/// By key, of subjects with their name: "io.socklid.subject.sshd".
using GivenSettings = std::map<std::string, Given, std::less<>>;

/// Checks and reads one value. Errors: Exit::annotation, Exit::unsupported.
[[nodiscard]] Result<Given> read_setting(const Setting& setting, const ValueText& value);

/// Reads a document. Of several errors the one with the first member in byte order is reported.
[[nodiscard]] Result<GivenSettings> read_document(const ValueText& document);

/// "io.socklid.conect: unknown annotation; did you mean io.socklid.connect?"; without a near one,
/// the list of those there are. Keys are suggested, or what a document calls them.
enum class Called : std::uint8_t { key, member };
[[nodiscard]] Failure fail_unknown(std::string_view label, std::string_view what,
                                   std::string_view name, Called called);

/// LABEL: expected the name of a subject, ...
[[nodiscard]] Failure fail_subject_name(std::string_view label);

}  // namespace socklid::annotations
