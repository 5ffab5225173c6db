// SPDX-License-Identifier: Apache-2.0
#include "command/list.hpp"

#include "command/output.hpp"
#include "hook/linux_kernel.hpp"

namespace socklid::command {
namespace {

constexpr std::size_t id_width = 12;
constexpr std::size_t policy_width = 40;

/// "connect=deny bind=tcp/80": the annotations of ours without the prefix they share.
std::string short_policy(const Record& record) {
  std::string text;
  for (const auto& [key, value] : record.annotations) {
    if (!key.starts_with(annotations::key_prefix)) continue;
    if (!text.empty()) text += ' ';
    text += printable(key.substr(annotations::key_prefix.size()) + "=" + value);
  }
  return text;
}

std::vector<std::string> cells(const ListLine& line, bool no_trunc) {
  const std::optional<Record>& record = line.container.entry.record;
  const std::string id = printable(id_of(line.container));
  const std::string policy = record ? short_policy(*record) : "-";
  return {no_trunc ? id : id.substr(0, id_width),
          std::string(to_string(line.container.state)),
          no_trunc ? policy : shortened(policy, policy_width),
          record && record->mark ? annotations::to_string(*record->mark) : "-",
          line.denied ? std::to_string(*line.denied) : "-",
          record ? printable(record->cgroup_path) : "-"};
}

}  // namespace

std::string list_text(const std::vector<ListLine>& lines, bool no_trunc) {
  std::vector<std::vector<std::string>> table = {
      {"ID", "STATE", "POLICY", "MARK", "DENIED", "CGROUP"}};
  for (const ListLine& line : lines) table.push_back(cells(line, no_trunc));
  return columns(table);
}

json::Value list_json(const std::vector<ListLine>& lines) {
  json::Array array;
  for (const ListLine& line : lines) {
    const std::optional<Record>& record = line.container.entry.record;
    json::Object object{{"id", id_of(line.container)},
                        {"state", to_string(line.container.state)},
                        {"cgroup_id", line.container.entry.parts.cgroup_id},
                        {"denied", line.denied ? json::Value(*line.denied) : json::Value()}};
    if (record) {
      json::Object given;
      for (const auto& [key, value] : record->annotations) given.emplace(key, value);
      object.emplace("annotations", std::move(given));
      object.emplace("cgroup", record->cgroup_path);
      object.emplace("mark", record->mark ? json::Value(annotations::to_string(*record->mark))
                                          : json::Value());
    }
    array.emplace_back(std::move(object));
  }
  return array;
}

Result<int> list(const ListOptions& options) {
  SL_CHECK(check_root("list"));
  LinuxKernel kernel(Paths{}, Deadline::after_seconds(run_seconds));
  std::vector<ListLine> lines;
  for (Container& container : SL_TRY(containers(kernel))) {
    const auto denials = denials_of(container);
    lines.push_back({std::move(container), denials ? std::optional(sum(*denials)) : std::nullopt});
  }
  if (options.json) {
    print_json(list_json(lines));
  } else {
    print(list_text(lines, options.no_trunc));
  }
  return 0;
}

}  // namespace socklid::command
