// SPDX-License-Identifier: Apache-2.0
//
// Which files the paths of a policy are in a root that is at hand.
#include <fcntl.h>

#include <algorithm>

#include "command/explain/explain.hpp"
#include "command/output.hpp"
#include "node/files/resolve.hpp"
#include "system/files.hpp"

namespace socklid::command {
namespace {

std::string name_of_subject(const Plan& plan, std::uint32_t index) {
  for (const SubjectPlan& subject : plan.subjects) {
    if (subject.index == index) return subject.name;
  }
  return "?";
}

std::size_t count_with(const LookedUp& files, std::uint32_t flags) {
  return static_cast<std::size_t>(
      std::count_if(files.files.begin(), files.files.end(),
                    [flags](const FileEntry& one) { return (one.flags & flags) != 0; }));
}

}  // namespace

Result<LookedUp> look_up_in(const std::string& root, const Plan& plan) {
  UniqueFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail_errno(Exit::usage, "open the root " + quote(root, 200));
  const std::string mounts =
      SL_TRY(read_file(AT_FDCWD, "/proc/self/mountinfo", Exit::node, mountinfo_limit));
  const ContainerTree tree =
      SL_TRY(ContainerTree::of(std::move(directory), parse_mountinfo(mounts)));
  return resolve(tree, plan.subjects, plan.readonly);
}

std::string files_text(const LookedUp& files, const Plan& plan) {
  if (files.files.empty()) return {};
  std::vector<std::vector<std::string>> lines;
  for (const ProgramFile& program : files.programs) {
    lines.push_back({"  " + name_of_subject(plan, program.subject), printable(program.path),
                     "file " + std::to_string(program.number.inode)});
  }
  return "files:\n" + columns(lines) + "  " +
         std::to_string(count_with(files, SL_FILE_TREE | SL_FILE_SELF)) +
         " protected by themselves or with all below, " +
         std::to_string(count_with(files, SL_FILE_ENTRY)) + " by their names\n";
}

json::Value files_json(const LookedUp& files, const Plan& plan) {
  json::Array programs;
  for (const ProgramFile& program : files.programs) {
    programs.emplace_back(json::Object{{"subject", name_of_subject(plan, program.subject)},
                                       {"path", program.path},
                                       {"inode", std::to_string(program.number.inode)}});
  }
  return json::Object{{"programs", std::move(programs)},
                      {"protected", std::uint64_t{count_with(files, SL_FILE_TREE | SL_FILE_SELF)}},
                      {"names", std::uint64_t{count_with(files, SL_FILE_ENTRY)}}};
}

}  // namespace socklid::command
