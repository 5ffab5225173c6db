// SPDX-License-Identifier: Apache-2.0
#include "command/files.hpp"

#include <fcntl.h>
#include <stdio.h>

#include <array>
#include <memory>
#include <utility>

#include "base/unique_fd.hpp"
#include "system/files.hpp"

namespace socklid::command {

std::vector<std::string> names_in(const std::string& directory, std::string_view suffix) {
  const UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return {};
  auto names = list_directory(opened.get()).value_or(std::vector<std::string>{});
  std::erase_if(names, [&](const std::string& name) { return !name.ends_with(suffix); });
  return names;
}

std::vector<std::string> texts_of(std::vector<std::string> files, const std::string& drop_ins,
                                  std::string_view suffix) {
  for (const std::string& name : names_in(drop_ins, suffix)) {
    files.push_back(std::string(drop_ins).append("/").append(name));
  }
  std::vector<std::string> texts;
  for (const std::string& path : files) {
    if (auto text = read_file(AT_FDCWD, path, Exit::node)) texts.push_back(std::move(*text));
  }
  return texts;
}

std::string output_of(const char* command, std::size_t limit) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command, "re"),  // NOLINT(cert-env33-c)
                                                   ::pclose);
  std::string text;
  std::array<char, 4096> part{};
  while (pipe && text.size() < limit) {
    const std::size_t length = std::fread(part.data(), 1, part.size(), pipe.get());
    if (length == 0) break;
    text.append(part.data(), length);
  }
  return text;
}

}  // namespace socklid::command
