// SPDX-License-Identifier: Apache-2.0
#include "node/split_keys.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string>

#include "base/json_members.hpp"
#include "base/text.hpp"
#include "node/engine.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

bool counts(std::string_view key) {
  const auto keys = engine_keys();
  return annotations::concerns_us(key) ||
         std::any_of(keys.begin(), keys.end(), [key](const auto& row) { return row.key == key; });
}

bool may_be_split(const std::pair<const std::string, std::string>& annotation) {
  return annotation.second.find('=') != std::string::npos && counts(annotation.first);
}

}  // namespace

bool may_be_split(const annotations::Annotations& annotations) {
  return std::any_of(annotations.begin(), annotations.end(),
                     [](const auto& one) { return may_be_split(one); });
}

Result<> check_no_split_key(const annotations::Annotations& annotations, std::string_view config) {
  annotations::Annotations written;
  const auto keep = [&written](const json::Path& path, std::string_view token) {
    if (path.size() != 2 || path[0] != "annotations") return;
    written.insert_or_assign(path[1], json::parse_string(token).value_or(""));
  };
  SL_CHECK(json::for_each_member(config, 2, keep));
  for (const auto& annotation : annotations) {
    if (!may_be_split(annotation)) continue;
    const auto found = written.find(annotation.first);
    if (found != written.end() && found->second == annotation.second) continue;
    return fail(
        Exit::annotation, quote(annotation.first),
        ": config.json of the bundle does not say what the state says: an annotation whose "
        "key holds \"=\" stands in its place; take that one out of the image or the bundle");
  }
  return {};
}

Result<> check_no_split_key(const ContainerState& container) {
  if (container.bundle.empty() || container.bundle == "/") return {};
  if (!may_be_split(container.annotations)) return {};
  const std::string path = container.bundle + "/config.json";
  const std::string config = SL_TRY(read_file(AT_FDCWD, path, Exit::state, large_file_limit));
  auto done = check_no_split_key(container.annotations, config);
  if (!done && done.error().exit == Exit::state) return wrap(path, done.error());
  return done;
}

}  // namespace socklid
