// SPDX-License-Identifier: Apache-2.0
#include "command/explain/annotation_file.hpp"

#include <algorithm>

#include "annotations/value_text.hpp"
#include "base/json.hpp"
#include "command/doctor/labels.hpp"

namespace socklid::command {
namespace {

Result<annotations::Annotations> strings_of(const json::Value& object, std::string_view where) {
  if (!object.is_object()) {
    return fail(Exit::usage, where, ": expected an object of strings, found ", object.type_name());
  }
  annotations::Annotations annotations;
  for (const auto& [key, value] : object.object()) {
    if (!value.is_string()) {
      return fail(Exit::usage, where, ": ", excerpt(key), ": expected a string, found ",
                  value.type_name());
    }
    annotations.emplace(key, value.string());
  }
  return annotations;
}

std::vector<std::string> container_names(const json::Value& pod) {
  std::vector<std::string> names;
  const json::Value* spec = pod.find("spec");
  if (spec == nullptr) return names;
  for (const std::string_view list : {"initContainers", "containers", "ephemeralContainers"}) {
    const json::Value* containers = spec->find(list);
    if (containers == nullptr || !containers->is_array()) continue;
    for (const json::Value& container : containers->array()) {
      if (auto name = container.find_string("name")) names.push_back(std::move(*name));
    }
  }
  return names;
}

/// A Deployment and its like: which annotations reach the container depends on who plays it.
bool has_template(const json::Value& document) {
  const json::Value* spec = document.find("spec");
  return spec != nullptr && spec->find("template") != nullptr;
}

}  // namespace

Result<AnnotationFile> parse_annotation_file(std::string_view text) {
  auto parsed = json::parse(text);
  if (!parsed) return fail(Exit::usage, "not JSON: ", parsed.error().message);
  const json::Value& document = *parsed;
  if (!document.is_object()) {
    return fail(Exit::usage, "expected a JSON object, found ", document.type_name());
  }
  if (has_template(document)) {
    return fail(
        Exit::usage,
        "expected a Pod, found an object with a template of Pods: give spec.template alone");
  }
  AnnotationFile file;
  if (const json::Value* metadata = document.find("metadata"); metadata && metadata->is_object()) {
    file.containers = container_names(document);
    if (const json::Value* labels = metadata->find("labels")) file.labels = labels_of_ours(*labels);
    if (const json::Value* annotations = metadata->find("annotations")) {
      file.annotations = SL_TRY(strings_of(*annotations, "metadata.annotations"));
    }
  } else if (const json::Value* annotations = document.find("annotations")) {
    file.annotations = SL_TRY(strings_of(*annotations, "annotations"));
  } else if (document.find("ociVersion") == nullptr) {
    file.annotations = SL_TRY(strings_of(document, "annotations"));
  }
  return file;
}

std::vector<std::string> unmatched_keys(const AnnotationFile& file) {
  std::vector<std::string> keys;
  if (file.containers.empty()) return keys;
  for (const auto& [key, value] : file.annotations) {
    const std::size_t slash = key.find('/');
    if (!key.starts_with(annotations::key_prefix) || slash == std::string::npos) continue;
    const std::string_view name = std::string_view(key).substr(slash + 1);
    if (std::find(file.containers.begin(), file.containers.end(), name) == file.containers.end()) {
      keys.push_back(key);
    }
  }
  return keys;
}

}  // namespace socklid::command
