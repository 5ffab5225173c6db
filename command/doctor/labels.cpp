// SPDX-License-Identifier: Apache-2.0
#include "command/doctor/labels.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "annotations/parser.hpp"
#include "base/json_members.hpp"
#include "command/files.hpp"
#include "command/output.hpp"
#include "command/running/runtime_files.hpp"
#include "node/container_state.hpp"
#include "system/files.hpp"

namespace socklid::command {
namespace {

constexpr const char* podman_ps =
    "timeout 20 podman ps --no-trunc --format json 2>/dev/null";  // a database may be locked

class LabelReader {
 public:
  explicit LabelReader(std::string root) : root_(std::move(root)) {}

  void crio(const std::string& parent) {
    for (const std::string& id : names_in(root_ + parent)) {
      const std::string directory = parent + "/" + id + "/userdata";
      const auto annotations = running(directory, directory);
      if (!annotations) continue;
      const auto labels = annotations->find("io.kubernetes.cri-o.Labels");
      if (labels == annotations->end()) continue;
      const auto document = json::parse(labels->second);
      if (document) add(directory, id, labels_of_ours(*document));
    }
  }

  void docker(const std::string& parent) {
    for (const std::string& id : names_in(root_ + parent)) {
      const std::string path = parent + "/" + id + "/config.v2.json";
      const auto text = read_file(AT_FDCWD, root_ + path, Exit::node, large_file_limit);
      if (!text) continue;  // it is being made, or removed
      auto keys = labels_in_docker_config(*text);
      if (keys) {
        add(path, id, std::move(*keys));
      } else {
        survey_.unread.push_back(path + ": " + keys.error().message);
      }
    }
  }

  /// Whether a container of podman's runs that has no annotation of ours.
  bool has_unasked(const std::string& configs, const std::string& pids) {
    const std::vector<std::string> ids = names_in(root_ + configs);
    return std::any_of(ids.begin(), ids.end(), [&](const std::string& id) {
      const std::string inside = "/" + id + "/userdata";
      const auto annotations = running(configs + inside, pids + inside);
      return annotations && !annotations::any(*annotations);
    });
  }

  void podman() {
    const std::string text = output_of(podman_ps);
    auto found = labels_in_podman_ps(text);
    if (!found) {
      survey_.unread.push_back("podman ps: " + found.error().message);
      return;
    }
    std::move(found->begin(), found->end(), std::back_inserter(survey_.found));
  }

  LabelSurvey finish() { return std::move(survey_); }

 private:
  /// The annotations of a container that runs.
  std::optional<annotations::Annotations> running(const std::string& config,
                                                  const std::string& pids) {
    // The second is conmon's, which lives as long: the first lies elsewhere by `podman run
    // --pidfile`.
    for (const char* name : {"/pidfile", "/conmon.pid"}) {
      const MaybeAnswer maybe = read_bundle(root_ + config + "/config.json", root_ + pids + name);
      if (!maybe || !*maybe || !lives((*maybe)->pid)) continue;
      auto annotations = annotations_of(**maybe);
      if (annotations) return std::move(*annotations);
    }
    return std::nullopt;
  }

  bool lives(pid_t pid) const {
    struct stat status {};
    const std::string process = root_ + "/proc/" + std::to_string(pid);
    return pid != 0 && ::stat(process.c_str(), &status) == 0;
  }

  void add(const std::string& source, const std::string& id, std::vector<std::string> keys) {
    if (!keys.empty()) survey_.found.push_back({source, id, std::move(keys)});
  }

  std::string root_;
  LabelSurvey survey_;
};

}  // namespace

std::vector<std::string> labels_of_ours(const json::Value& labels) {
  std::vector<std::string> keys;
  if (!labels.is_object()) return keys;
  for (const auto& [key, value] : labels.object()) {
    if (annotations::concerns_us(key)) keys.push_back(key);
  }
  return keys;
}

Result<std::vector<std::string>> labels_in_docker_config(std::string_view text) {
  std::vector<std::string> keys;
  bool runs = false;
  const auto done =
      json::for_each_member(text, 3, [&](const json::Path& path, std::string_view token) {
        if (path == json::Path{"State", "Running"}) runs = token == "true";
        if (path.size() == 3 && path[0] == "Config" && path[1] == "Labels" &&
            annotations::concerns_us(path[2])) {
          keys.push_back(path[2]);
        }
      });
  if (!done) return Failure(done.error());
  if (!runs) keys.clear();
  std::sort(keys.begin(), keys.end());
  return keys;
}

Result<std::vector<MislaidLabels>> labels_in_podman_ps(std::string_view text) {
  std::vector<MislaidLabels> found;
  for (const std::string_view container : SL_TRY(json::elements(text))) {
    MislaidLabels one{"podman ps", "", {}};
    SL_CHECK(
        json::for_each_member(container, 2, [&one](const json::Path& path, std::string_view token) {
          if (path == json::Path{"Id"}) one.id = json::parse_string(token).value_or("");
          const bool is_label = path.size() == 2 && path[0] == "Labels";
          if (is_label && annotations::concerns_us(path[1])) one.keys.push_back(path[1]);
        }));
    if (one.keys.empty()) continue;
    std::sort(one.keys.begin(), one.keys.end());
    found.push_back(std::move(one));
  }
  return found;
}

LabelSurvey mislaid_labels(const std::string& root) {
  const std::string run = "/run/containers/storage/overlay-containers";
  const std::string var = "/var/lib/containers/storage/overlay-containers";
  LabelReader reader(root);
  reader.crio(run);
  reader.docker("/var/lib/docker/containers");
  if (root.empty() && reader.has_unasked(var, run)) reader.podman();
  return reader.finish();
}

std::string to_string(const MislaidLabels& labels) {
  constexpr std::size_t named = 4;  // an image may have thousands
  std::vector<std::string> keys;
  for (const std::string& key : labels.keys) {
    if (keys.size() < named) keys.push_back(quote(key, 60));
  }
  std::string text =
      printable(short_id(labels.id) + " (" + labels.source + "): ") + joined(keys, ", ");
  if (labels.keys.size() > named) {
    text += " and " + std::to_string(labels.keys.size() - named) + " more";
  }
  return text;
}

}  // namespace socklid::command
