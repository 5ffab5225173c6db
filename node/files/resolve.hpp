// SPDX-License-Identifier: Apache-2.0
//
// resolve(): the paths of a policy's subjects and of its `readonly`, as files of the container.
//
//   const ContainerTree tree = SL_TRY(ContainerTree::open(process, state.bundle));
//   const LookedUp found = SL_TRY(resolve(tree, plan.subjects, plan.readonly));
#pragma once

#include <vector>

#include "base/result.hpp"
#include "node/files/looked_up.hpp"
#include "node/files/tree.hpp"
#include "plan/plan.hpp"

namespace socklid {

/// One container's share of the node's map of files (SL_FILES, bpf/subject_abi.h).
inline constexpr std::size_t max_files = 1024;

/// Its share of the map of names (SL_PROGRAM_NAMES): for subjects' programs
/// (annotations::max_programs, half of them), and for protected files.
inline constexpr std::size_t max_names = 256;

/// Fills `files`, `named` and `programs`.
///
/// A subject's file is entered by exec and protected (SL_FILE_SELF), by its number and, where its
/// name in its own file system is known, by its place. A protected path has SL_FILE_TREE if it is a
/// directory, else SL_FILE_SELF, by its number and by its place, and "!PATH" has SL_FILE_EXCEPT.
/// What leads to any of them has SL_FILE_ENTRY. A mount below a protected directory is another file
/// system, which the programs do not leave, so it is protected by an entry of its own; but for
/// /proc, /sys and /dev, which are the kernel's and the engine's.
///
/// Errors: Exit::unsupported, one line that names the key, the path and the remedy: none of a
/// subject's paths is there; it is no regular file, or nobody may execute it; two subjects are one
/// file; a `readonly` path is not there; "!PATH" is in no protected directory, or is itself one;
/// too many files; and those of ContainerTree::find().
[[nodiscard]] Result<LookedUp> resolve(const ContainerTree& tree,
                                       const std::vector<SubjectPlan>& subjects,
                                       const std::vector<annotations::ProtectedPath>& readonly);

}  // namespace socklid
