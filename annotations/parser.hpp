// SPDX-License-Identifier: Apache-2.0
//
// From a container's annotations to its Policy. The keys (annotations/settings.cpp is their table):
//
//   io.socklid.create   .create.tcp  .create.udp   allow | deny
//   io.socklid.listen   .accept  .shutdown         allow | deny
//   io.socklid.connect              allow | deny | ENDPOINTS      annotations/address.hpp
//   io.socklid.bind                 allow | deny | PORTS          annotations/address.hpp
//   io.socklid.egress               ENDPOINTS, or nothing         annotations/address.hpp
//   io.socklid.otherwise            drop | reject                 only beside egress
//   io.socklid.families             FAMILIES, or nothing          annotations/family.hpp
//   io.socklid.mark                 N | 0xN | N/MASK              annotations/mark.hpp
//   io.socklid.seal                 SEAL                          annotations/seal.hpp
//   io.socklid.mode                 enforce
//   io.socklid.profile              no value in this version
//   io.socklid.policy               JSON                          annotations/document.hpp
//
// Every value is printable ASCII, case counts, and there is no white space around words. What the
// language has and this version has not (audit, profiles) is refused with Exit::unsupported, never
// ignored.
//
// In a pod, KEY/CONTAINER is for the container of that name, a DNS label, and wins over KEY there.
// For a container of another name its value is not looked at. Our container's name is what the
// engine says that made it, where nobody else can say it (hook/engine.hpp); if none does, as under
// podman, KEY/CONTAINER is an error, since we can't know whom it means. A KEY that loses to
// KEY/CONTAINER must still be correct.
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

/// One key of ours, for the reference and `socklid explain`.
struct KeyInfo {
  OwnText name;              ///< "io.socklid.bind"
  std::string_view values;   ///< "allow | deny | PORTS"
  std::string_view meaning;  ///< one line, lower case, no full stop
};

/// Every key, in the order of the reference.
[[nodiscard]] std::span<const KeyInfo> keys();

/// Whether any key is ours, that is, begins with "io.socklid."; without one parse() has nothing to
/// do and the container is none of our business (I1).
[[nodiscard]] bool any(const Annotations& annotations);

/// The key by which crun is told to append what hooks print, as root, to a file of the host, as the
/// constant "run.oci.hooks.stderr", "run.oci.hooks.stdout" or, of that family, "run.oci.hooks.*";
/// empty if there is none. podman before 4.6 takes it from images.
[[nodiscard]] OwnText hook_outlet(const Annotations& annotations);

/// Refuses such a key, whoever wrote it. Errors: Exit::annotation.
[[nodiscard]] Result<> check_outlets(const Annotations& annotations);

/// The policy that the annotations ask for, of the container that is called `container` in its pod;
/// empty: no engine says so for sure. check_outlets() holds for them. Other people's keys are
/// ignored, every key of ours must be known and its value parse (I8). Errors: Exit::annotation or
/// Exit::unsupported, in one printable line that names the key, the value, where in it and what was
/// expected. Of several errors the one with the first key in byte order is reported; contradictions
/// between keys come after all of those.
[[nodiscard]] Result<Policy> parse(const Annotations& annotations, std::string_view container = {});

}  // namespace socklid::annotations
