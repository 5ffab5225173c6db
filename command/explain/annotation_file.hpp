// SPDX-License-Identifier: Apache-2.0
//
// AnnotationFile: where `explain --file` finds annotations in a JSON document:
//
//   {"io.socklid.connect": "deny"}          keys and values, all of them strings
//   {"ociVersion": ..., "annotations": {}}  an OCI state, or a config.json
//   {"kind": "Pod", "metadata": {"annotations": {}}, "spec": {"containers": [{"name": "web"}]}}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "annotations/parser.hpp"
#include "base/result.hpp"

namespace socklid::command {

struct AnnotationFile {
  annotations::Annotations annotations;
  std::vector<std::string> containers;  ///< of a Pod, init containers first; else empty
  std::vector<std::string> labels{};    ///< of a Pod: those that look like annotations of ours
  friend bool operator==(const AnnotationFile&, const AnnotationFile&) = default;
};

/// Errors: Exit::usage, naming what was expected.
[[nodiscard]] Result<AnnotationFile> parse_annotation_file(std::string_view text);

/// Keys of ours for a container that is not in `containers`: nobody will ever look at them.
[[nodiscard]] std::vector<std::string> unmatched_keys(const AnnotationFile& file);

}  // namespace socklid::command
