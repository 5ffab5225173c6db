// SPDX-License-Identifier: Apache-2.0
//
// What explain reads and works out; how it prints is in explain_text.cpp.
#include "command/explain/explain.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "command/explain/annotation_file.hpp"
#include "command/output.hpp"
#include "plan/rules/rules.hpp"
#include "system/files.hpp"
#include "system/input.hpp"

namespace socklid::command {
namespace {

constexpr std::string_view id_placeholder = "CONTAINER";

Result<AnnotationFile> read_annotations(const ExplainOptions& options) {
  AnnotationFile file;
  if (!options.file.empty()) {
    const std::string text =
        SL_TRY(options.file == "-" ? read_input(STDIN_FILENO, small_file_limit)
                                   : read_file(AT_FDCWD, options.file, Exit::usage));
    auto parsed = parse_annotation_file(text);
    if (!parsed) return wrap(printable(options.file), parsed.error());
    file = std::move(*parsed);
  }
  for (const std::string& assignment : options.assignments) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Exit::usage, printable(assignment), ": expected KEY=VALUE");
    }
    file.annotations.insert_or_assign(assignment.substr(0, equals), assignment.substr(equals + 1));
  }
  return file;
}

/// The containers to explain: the one asked for, or all of the Pod, or the nameless one.
Result<std::vector<std::string>> chosen(const ExplainOptions& options, const AnnotationFile& file) {
  const auto& known = file.containers;
  if (options.container.empty()) return known.empty() ? std::vector<std::string>{""} : known;
  if (!known.empty() && std::find(known.begin(), known.end(), options.container) == known.end()) {
    std::vector<std::string> names;
    for (const std::string& name : known) names.push_back(printable(name));
    return fail(Exit::usage, printable(options.container),
                ": the pod has no such container: ", joined(names, ", "));
  }
  return std::vector<std::string>{options.container};
}

Result<NetnsKind> network_named(const std::string& wanted) {
  for (const NetnsKind kind : {NetnsKind::own, NetnsKind::shared, NetnsKind::host}) {
    if (wanted == name_of(kind)) return kind;
  }
  return fail(Exit::usage, "--network ", printable(wanted), ": expected own, shared or host");
}

/// What somebody wrote for us where nobody reads it.
std::string notes_text(const AnnotationFile& file) {
  std::string text;
  for (const std::string& key : unmatched_keys(file)) {
    text += "note: " + printable(key) + ": the pod has no container of this name\n";
  }
  for (const std::string& key : file.labels) {
    text += "note: " + printable(key) + ": a label, which nobody reads; make it an annotation\n";
  }
  return text;
}

void write_text(const std::vector<Explanation>& explanations, const AnnotationFile& file) {
  const bool any = std::any_of(explanations.begin(), explanations.end(),
                               [](const Explanation& one) { return one.any; });
  if (!any) {
    const std::string notes = notes_text(file);
    print("No annotation of socklid's: nothing is done.\n" + notes + "\n" + keys_text());
    return;
  }
  std::string text;
  for (const Explanation& one : explanations) {
    if (!text.empty()) text += '\n';
    if (!one.container.empty()) text += "container " + printable(one.container) + ":\n";
    text += explain_text(one);
    if (one.files) text += files_text(*one.files, one.plan);
  }
  print(text + notes_text(file));
}

void write_json(const std::vector<Explanation>& explanations, const AnnotationFile& file) {
  json::Array array;
  for (const Explanation& one : explanations) {
    json::Value value = explain_json(one);
    if (one.files) {
      json::Object object = value.object();
      object.emplace("files", files_json(*one.files, one.plan));
      value = std::move(object);
    }
    array.push_back(std::move(value));
  }
  print_json(json::Value(json::Object{{"containers", std::move(array)},
                                      {"unmatched", json_array(unmatched_keys(file))},
                                      {"labels", json_array(file.labels)}}));
}

}  // namespace

Result<Explanation> explain_annotations(const annotations::Annotations& given,
                                        std::string container, NetnsKind network) {
  Explanation explanation;
  explanation.container = std::move(container);
  explanation.any = annotations::any(given);
  explanation.network = network;
  explanation.policy = SL_TRY(annotations::parse(given, explanation.container));
  SL_CHECK(check_placement(explanation.policy, network));
  // The first to come: which slot a container gets is found out when it starts.
  const Placement placement{network,
                            static_cast<std::uint8_t>(network == NetnsKind::shared ? 1 : 0)};
  explanation.plan = compile(explanation.policy, placement);
  if (explanation.plan.rules && explanation.plan.mark) {
    explanation.nft = to_string(compile_rules(explanation.policy, *explanation.plan.mark,
                                              placement.slot, id_placeholder, 0));
  }
  return explanation;
}

Result<int> explain(const ExplainOptions& options) {
  if (options.keys) {
    if (options.json) {
      print_json(keys_json());
    } else {
      print(keys_text());
    }
    return 0;
  }
  const NetnsKind network = SL_TRY(network_named(options.network));
  const AnnotationFile file = SL_TRY(read_annotations(options));
  std::vector<Explanation> explanations;
  for (const std::string& container : SL_TRY(chosen(options, file))) {
    explanations.push_back(SL_TRY(explain_annotations(file.annotations, container, network)));
    Explanation& one = explanations.back();
    if (!options.root.empty()) one.files = SL_TRY(look_up_in(options.root, one.plan));
  }
  if (options.json) {
    write_json(explanations, file);
  } else {
    write_text(explanations, file);
  }
  return 0;
}

}  // namespace socklid::command
