// SPDX-License-Identifier: Apache-2.0
#include "command/seal.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "command/output.hpp"
#include "command/running/container.hpp"
#include "command/running/seal_status.hpp"
#include "guard/guard.hpp"
#include "hook/linux_node.hpp"

namespace socklid::command {
namespace {

std::string runs_text(std::size_t sealed) {
  if (sealed == 0) return "no run was open";
  return concat("sealed ", sealed, sealed == 1 ? " run" : " runs");
}

/// The runs of the subject that are open now, and how many those were.
Result<std::size_t> seal_runs(const Container& container, std::optional<std::uint32_t> subject) {
  const std::string build = programs_of(container);
  const auto guard = SL_TRY(SocketGuard::find(build));
  if (!guard) return std::size_t{0};
  const std::vector<sl_seal_request> open =
      SL_TRY(guard->open_runs(container.entry.parts.cgroup_id, subject));
  for (const sl_seal_request& one : open) SL_CHECK(SocketGuard::seal_by_hand(build, one));
  return open.size();
}

Result<int> seal_subject(const Container& container, const std::string& wanted) {
  const std::string name = printable(id_of(container));
  const std::vector<ObservedSubject> subjects = Observer{Paths{}}.look(container.entry).subjects;
  const auto found = std::find_if(subjects.begin(), subjects.end(),
                                  [&](const ObservedSubject& one) { return one.name == wanted; });
  if (found == subjects.end()) {
    print_error(name + ": has no subject " + printable(wanted) +
                (subjects.empty() ? "" : "; `socklid inspect` names them"));
    return 1;
  }
  const std::string what = name + ": subject " + printable(found->name) + ": ";
  if (!found->is_sealed_later) {
    print(what + seal_text(std::nullopt) + "\n");
    return 0;
  }
  print(what + runs_text(SL_TRY(seal_runs(container, found->index))) + "\n");
  return 0;
}

Result<int> seal_all(const Container& container) {
  const std::string name = printable(id_of(container));
  const auto before = seal_of(container);
  if (before && !before->sealed) {
    const sl_seal_request request{
        .cgroup_id = container.entry.parts.cgroup_id, .run = 0, .subject = 0, .pad = 0};
    SL_CHECK(SocketGuard::seal_by_hand(programs_of(container), request));
  }
  print(name + ": " + seal_text(seal_of(container)) + "\n");
  const std::size_t sealed = SL_TRY(seal_runs(container, std::nullopt));
  if (sealed != 0) print(name + ": subjects: " + runs_text(sealed) + "\n");
  return 0;
}

}  // namespace

Result<int> seal(const SealOptions& options) {
  SL_CHECK(check_root("seal"));
  LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
  const std::vector<Container> all = SL_TRY(containers(node));
  const auto found = find_container(all, options.id);
  if (!found) {
    print_error(found.error().message);
    return 1;
  }
  const Container& container = **found;
  if (!runs(container)) {
    print_error(printable(id_of(container)) + ": is " + std::string(to_string(container.state)) +
                ", not running");
    return 1;
  }
  if (!options.subject.empty()) return seal_subject(container, options.subject);
  return seal_all(container);
}

}  // namespace socklid::command
