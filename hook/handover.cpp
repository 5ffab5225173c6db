// SPDX-License-Identifier: Apache-2.0
#include "hook/handover.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "annotations/parser.hpp"
#include "base/unique_fd.hpp"
#include "node/engine.hpp"
#include "store/policy_store.hpp"
#include "system/child.hpp"

namespace socklid {
namespace {

/// A record that does not read counts as one of rules.
bool may_have_rules(const StoreEntry& entry) {
  return entry.recorded && (!entry.record || entry.record->rules);
}

bool had_rules(const Paths& paths, const std::string& id) {
  const auto entries = PolicyStore::find(paths, IndexBy::id, encode_id(id));
  return !entries || std::any_of(entries->begin(), entries->end(), may_have_rules);
}

/// A file in memory that holds `input` and is read from its beginning.
Result<UniqueFd> as_file(std::string_view input) {
  UniqueFd file(::memfd_create("state", MFD_CLOEXEC));
  if (!file) return fail_errno(Exit::internal, "memfd_create");
  while (!input.empty()) {
    const ssize_t written = ::write(file.get(), input.data(), input.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(Exit::internal, "write the state");
    input.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail_errno(Exit::internal, "lseek");
  return file;
}

}  // namespace

bool needs_rules(const ContainerState& container, Stage stage, const Paths& paths) {
  if (stage == Stage::remove) return had_rules(paths, container.id);
  if (!annotations::any(container.annotations)) return false;  // I1
  const auto process = ContainerProcess::open(container.pid);
  if (!process) return false;
  const auto identity = identify_container(*process, container);
  if (!identity) return false;
  const auto policy = annotations::parse(container.annotations, identity->container);
  return policy && (policy->egress || had_rules(paths, container.id));
}

Result<> hand_over(const char* argument, std::string_view input) {
  const std::string path = SL_TRY(path_beside("socklid-hook-rules"));
  const UniqueFd file = SL_TRY(as_file(input));
  if (::dup2(file.get(), STDIN_FILENO) < 0) return fail_errno(Exit::internal, "dup2");
  const std::string name = path.substr(path.rfind('/') + 1);
  std::array<char*, 3> arguments{const_cast<char*>(name.c_str()), const_cast<char*>(argument),
                                 nullptr};
  std::array<char*, 1> environment{nullptr};
  ::execve(path.c_str(), arguments.data(), environment.data());
  return fail_errno(Exit::internal,
                    "start " + path + ", which belongs to socklid: install it again");
}

}  // namespace socklid
