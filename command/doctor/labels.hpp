// SPDX-License-Identifier: Apache-2.0
//
// MislaidLabels: labels of a running container, or of its pod, that look like annotations of ours.
// No engine shows labels to a hook, so whoever wrote them believes in a policy that is not there.
//
//   for (const MislaidLabels& one : mislaid_labels("").found) use(one.id, one.keys);
//
// Where labels are found, per engine:
//
//   CRI-O    its annotation io.kubernetes.cri-o.Labels, in config.json; a pod's in its sandbox's
//   Docker   /var/lib/docker/containers/ID/config.v2.json
//   podman   what `podman ps` says, for they lie in its database; it is asked only if a container
//            of its own runs that has no annotation of ours
//
// containerd keeps a pod's labels in its database: there `explain --file` and deploy/admission.yaml
// find them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace socklid::command {

struct MislaidLabels {
  std::string source;  ///< the file, or "podman ps"
  std::string id;
  std::vector<std::string> keys;  ///< in byte order, at least one
  friend bool operator==(const MislaidLabels&, const MislaidLabels&) = default;
};

struct LabelSurvey {
  std::vector<MislaidLabels> found;
  std::vector<std::string> unread;  ///< what could not be read, and why: one line each
};

/// Looks below the directory `root`, which is empty for the node itself and a tree of a test's own
/// else; podman is asked for the node itself only.
[[nodiscard]] LabelSurvey mislaid_labels(const std::string& root);

/// "0123456789ab (podman ps): io.socklid.egress". For people.
[[nodiscard]] std::string to_string(const MislaidLabels& labels);

// Pure parts ------------------------------------------------------------------------------------

/// Our keys in an object of labels, in byte order; none if it is no object.
[[nodiscard]] std::vector<std::string> labels_of_ours(const json::Value& labels);
/// Reads Docker's config.v2.json; no keys if there are none, or the container does not run.
[[nodiscard]] Result<std::vector<std::string>> labels_in_docker_config(std::string_view text);
/// Reads the output of `podman ps --no-trunc --format json`: containers with such labels.
[[nodiscard]] Result<std::vector<MislaidLabels>> labels_in_podman_ps(std::string_view text);

}  // namespace socklid::command
