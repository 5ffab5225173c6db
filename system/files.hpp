// SPDX-License-Identifier: Apache-2.0
//
// Small files and directories of ours, without std::filesystem (D9). Every descriptor is
// close-on-exec, everything made here is for root alone: 0700 and 0600.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace socklid {

inline constexpr std::size_t small_file_limit = std::size_t{1024} * 1024;
inline constexpr std::size_t large_file_limit = std::size_t{64} * 1024 * 1024;

/// The whole of a small file, at most `limit` bytes (more is an error). `path` is relative to
/// `directory` (AT_FDCWD for a path of its own). Errors: `exit`, naming the path.
[[nodiscard]] Result<std::string> read_file(int directory, const std::string& path, Exit exit,
                                            std::size_t limit = small_file_limit);

/// Makes `name` in `directory` hold `content`: a new file, then one rename, so that a reader sees
/// the old content or the new. The new file is made in `scratch`, a directory of the same file
/// system: who cleans up after killed writers need not search among what they have finished.
/// Errors: Exit::store.
[[nodiscard]] Result<> write_file_atomically(int scratch, int directory, const std::string& name,
                                             std::string_view content);
[[nodiscard]] inline Result<> write_file_atomically(int directory, const std::string& name,
                                                    std::string_view content) {
  return write_file_atomically(directory, directory, name, content);
}

/// Whether `name` is a new file of write_file_atomically()'s whose writer lives no more.
[[nodiscard]] bool is_left_over(std::string_view name);

/// Opens the directory `path`, making it and what is missing above it with mode 0700.
/// Errors (Exit::store): cannot be made, or is not ours alone to write.
[[nodiscard]] Result<UniqueFd> make_directory(const std::string& path);

/// Names in `directory` without "." and "..", sorted. Errors: Exit::store.
[[nodiscard]] Result<std::vector<std::string>> list_directory(int directory);

/// Names in the directory `path`, none if there is none. Errors: Exit::store.
[[nodiscard]] Result<std::vector<std::string>> list_if_there(const std::string& path);

/// Removes the directory `name` and the files in it; absent is done (I7). Errors: Exit::store.
[[nodiscard]] Result<> remove_directory(int parent, const std::string& name);

/// Removes the directory `name` with all below it; absent is done. Follows no link. Errors:
/// Exit::store.
[[nodiscard]] Result<> remove_tree(int parent, const std::string& name);

/// Removes the file `name`; absent is done (I7). Errors: Exit::store.
[[nodiscard]] Result<> remove_file(int directory, const std::string& name);

}  // namespace socklid
