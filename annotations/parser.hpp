// SPDX-License-Identifier: Apache-2.0
//
// From a container's annotations to its Policy. Which keys there are, what values they take and
// what they mean is the table in annotations/settings.cpp, which `socklid explain --keys` prints;
// the grammar of a kind of value is in the header that reads it:
//
//   PORTS, ENDPOINTS   annotations/address.hpp        MARK   annotations/mark.hpp
//   FAMILIES           annotations/family.hpp         SEAL   annotations/seal.hpp
//   PATHS, `readonly`  annotations/subject/paths.hpp  SUBJECT   annotations/subject.hpp
//   JSON               annotations/document.hpp, of io.socklid.policy, which is no setting
//
// Every value is printable ASCII, and case counts. White space around words counts nothing, nor do
// lines that begin with `#` (annotations/value_text.hpp). A feature of the language that this
// version lacks (audit, profiles) is refused with Exit::unsupported, never ignored.
//
// In a pod, KEY/CONTAINER is for the container of that name, a DNS label, and wins over KEY there.
// For a container of another name its value is not looked at. The name is what the engine says that
// made the container, where nobody else can say it (node/engine.hpp). If no engine says it, as
// under podman, KEY/CONTAINER is an error, since nobody knows which container it means. A KEY that
// loses to KEY/CONTAINER must still be correct.
//
// A setting given both as a key and in the document must mean the same in both.
//
// Limits: a value 4 KiB, io.socklid.policy 200 KiB, 10,000 endpoints in all lists together,
// duplicates not counted. On the command line of podman before 5.0 a document can't hold a comma
// (--annotation splits there), and one argument of any command holds 128 KiB at most.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "annotations/policy.hpp"
#include "base/own_text.hpp"
#include "base/result.hpp"

namespace socklid::annotations {

using Annotations = std::map<std::string, std::string, std::less<>>;

inline constexpr std::string_view key_prefix = "io.socklid.";
inline constexpr OwnText policy_key = "io.socklid.policy";

inline constexpr std::size_t max_value_bytes = 4096;
inline constexpr std::size_t max_policy_bytes = std::size_t{200} * 1024;
inline constexpr std::size_t max_endpoints = 10'000;

/// One key of ours, for the reference and `socklid explain --keys`.
struct KeyInfo {
  OwnText name;              ///< "io.socklid.bind"; "io.socklid.subject.NAME" is one for each NAME
  std::string_view values;   ///< "allow | deny | PORTS"
  std::string_view meaning;  ///< one line, lower case, no full stop
  OwnText member{};          ///< of io.socklid.policy, where it is not the key's own end
};

/// Every key, in the order of the reference.
[[nodiscard]] std::span<const KeyInfo> keys();

/// Whether `key` is no key of ours, but was meant to be one: without case and without `.`, `-`, `_`
/// and `/` it begins as ours do, or with our domain's name the right way round.
/// `io.socklid/egress`, `io.Socklid.egress`, `socklid.io/egress`, `io_socklid_egress`. Whoever
/// reads one ignores it.
[[nodiscard]] bool is_nearly_ours(std::string_view key);

/// Whether any key is ours, that is, begins with "io.socklid.", or nearly; without one parse() has
/// nothing to do and the container is none of our business (I1).
[[nodiscard]] bool any(const Annotations& annotations);

/// The same of one key.
[[nodiscard]] bool concerns_us(std::string_view key);

/// A value with comments and line ends taken away, for people; as it is if it has nothing else.
[[nodiscard]] std::string on_one_line(std::string_view value);

/// The key by which crun is told to append what hooks print, as root, to a file of the host, as the
/// constant "run.oci.hooks.stderr", "run.oci.hooks.stdout" or, of that family, "run.oci.hooks.*";
/// empty if there is none. podman before 4.6 takes it from images.
[[nodiscard]] OwnText hook_outlet(const Annotations& annotations);

/// Refuses such a key, whoever wrote it. Errors: Exit::annotation.
[[nodiscard]] Result<> check_outlets(const Annotations& annotations);

/// The policy that the annotations ask for, of the container that is called `container` in its pod;
/// empty: no engine says so for sure. check_outlets() holds for them. Other people's keys are
/// ignored, every key of ours must be known and its value parse, and what is_nearly_ours() is an
/// error (I8). Errors: Exit::annotation or
/// Exit::unsupported, in one printable line that names the key, the value, where in it and what was
/// expected. Of several errors the one with the first key in byte order is reported; contradictions
/// between keys come after all of those.
[[nodiscard]] Result<Policy> parse(const Annotations& annotations, std::string_view container = {});

}  // namespace socklid::annotations
