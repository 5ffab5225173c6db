// SPDX-License-Identifier: Apache-2.0
//
// What others keep on the node and say of it: names in a directory, texts of configuration files,
// and what a command prints. What is not there, or cannot be read, is left out.
//
//   for (const std::string& name : names_in("/etc/crio/crio.conf.d")) use(name);
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace socklid::command {

/// Those that end in `suffix`, in byte order.
[[nodiscard]] std::vector<std::string> names_in(const std::string& directory,
                                                std::string_view suffix = {});

/// The texts of `files`, then of those in the directory `drop_ins` that end in `suffix`.
[[nodiscard]] std::vector<std::string> texts_of(std::vector<std::string> files,
                                                const std::string& drop_ins,
                                                std::string_view suffix = {});

/// What a command of the node prints; empty if there is no such command. A shell finds it, whose
/// search path is what the operator's own `podman` means. Nothing more is read once it has `limit`
/// bytes.
[[nodiscard]] std::string output_of(const char* command, std::size_t limit = std::string::npos);

}  // namespace socklid::command
