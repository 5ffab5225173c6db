// SPDX-License-Identifier: Apache-2.0
//
// One container's entries in the maps of subjects and of protected files. For guard.cpp.
//
//   const SubjectEntries wanted = entries_of(plan, looked_up, policy);
//   SL_CHECK(put_entries(maps, wanted));       // before the policy that asks for them
//   SL_CHECK(forget_entries(maps, cgroup_id)); // finds them without knowing them
//
// Callers hold the node's lock: file systems are counted by looking at all containers' files.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bpf/subject_abi.h"
#include "guard/maps.hpp"
#include "node/files/looked_up.hpp"
#include "plan/plan.hpp"

namespace socklid {

/// The maps; of a build without subjects, or with others than ours, they are not there.
struct SubjectMaps {
  BpfMap<std::uint64_t, sl_task> tasks;  ///< the programs' own: they go with the tasks
  BpfMap<std::uint64_t, __s64> task_counts;
  BpfMap<sl_file_key, sl_file> files;
  BpfMap<sl_named_key, __u32> named;
  BpfMap<__u32, __u32> devices;
  BpfMap<sl_subject_key, sl_subject> subjects;
  BpfMap<sl_subject_key, sl_denials> denials;
  BpfMap<sl_subject_key, sl_runs>
      runs;  ///< of those that are sealed later; the programs write them
};

/// Keys have no padding that is not zero: they are compared as the kernel does.
struct ByBytes {
  template <typename Key>
  bool operator()(const Key& one, const Key& other) const {
    return std::memcmp(&one, &other, sizeof(Key)) < 0;
  }
};

struct SubjectEntries {
  std::map<sl_file_key, sl_file, ByBytes> files;
  std::map<sl_named_key, __u32, ByBytes> named;
  std::map<sl_subject_key, sl_subject, ByBytes> subjects;
  [[nodiscard]] bool empty() const { return files.empty() && named.empty() && subjects.empty(); }
};

/// Whether a plan has any.
[[nodiscard]] bool has_entries(const Plan& plan);

/// Under the container's `policy` as it is written: its cgroup, generation and namespaces.
[[nodiscard]] SubjectEntries entries_of(const Plan& plan, const LookedUp& looked_up,
                                        const sl_policy& policy);

/// All lists of a plan, its subjects' included.
[[nodiscard]] EndpointLists all_lists(const Plan& plan);

/// The entries of a container in the maps.
[[nodiscard]] Result<SubjectEntries> read_entries(const SubjectMaps& maps, std::uint64_t cgroup_id);

/// Writes them over what is there. Exit::bpf; the error names a map that is full, and what was
/// written by then stays: the caller takes it back.
[[nodiscard]] Result<> put_entries(const SubjectMaps& maps, const SubjectEntries& entries);
/// Removes those of `entries` that `staying` has not, and what nobody has any more.
[[nodiscard]] Result<> take_entries(const SubjectMaps& maps, const SubjectEntries& entries,
                                    const SubjectEntries& staying = {});
/// Removes all of a container; none is fine (I7).
[[nodiscard]] Result<> forget_entries(const SubjectMaps& maps, std::uint64_t cgroup_id);

/// Each part of `wanted` that is missing, changed, or there besides, by name: "subject sendmail:
/// not there", "2 protected files". `plan` has the names.
[[nodiscard]] Result<std::vector<std::string>> differences(const SubjectMaps& maps,
                                                           const SubjectEntries& wanted,
                                                           const Plan& plan,
                                                           const LookedUp& looked_up,
                                                           std::uint64_t cgroup_id);

/// Whether what was found is what was written, but for what the programs write themselves, and for
/// what no process is any more of a container that was repaired or restored.
[[nodiscard]] bool same_policy(sl_policy found, const sl_policy& wanted);

}  // namespace socklid
