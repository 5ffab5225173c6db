// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/inside/program.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "base/text.hpp"
#include "selftest/ways/inside/outcome_pipe.hpp"

namespace socklid::selftest {
namespace {

static_assert(std::is_trivially_copyable_v<Scene>, "a scene is handed on byte by byte");

/// Who is told of the outcome; -1: nobody.
int reporter_fd = -1;

/// What functions are known by in every copy of the program: how far from this they are.
std::uintptr_t anchor() {
  return reinterpret_cast<std::uintptr_t>(&run_program);  // NOLINT
}

std::string to_hex(const void* data, std::size_t size) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : std::span(static_cast<const unsigned char*>(data), size)) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

bool from_hex(std::string_view text, void* data, std::size_t size) {
  if (text.size() != 2 * size) return false;
  auto* const bytes = static_cast<unsigned char*>(data);
  for (std::size_t i = 0; i < size; i++) {
    const auto byte = parse_number<unsigned>(text.substr(2 * i, 2), 16);
    if (!byte) return false;
    bytes[i] = static_cast<unsigned char>(*byte);
  }
  return true;
}

void keep_open(int fd) {
  if (fd >= 0) ::fcntl(fd, F_SETFD, 0);
}

}  // namespace

std::optional<int> run_program(int argc, char** argv) {
  std::vector<std::string_view> words(argv, argv + argc);
  if (words.size() < 2 || words[1] != program_word) return std::nullopt;
  // A script's interpreter gets the script's path too.
  std::size_t first = 2;
  while (first < words.size() && words[first].starts_with('/')) ++first;
  std::uintptr_t distance = 0;
  Scene scene;
  if (words.size() != first + 3 || !from_hex(words[first], &distance, sizeof(distance)) ||
      !from_hex(words[first + 1], &scene, sizeof(scene))) {
    return 2;
  }
  reporter_fd = parse_number<int>(words[first + 2]).value_or(-1);
  const Act act = reinterpret_cast<Act>(anchor() + distance);  // NOLINT
  send_outcome(reporter_fd, act(scene));
  return 0;
}

std::string in_root(const Scene& scene, std::string_view path) {
  return scene.root.data() + std::string(path);
}

Launch::Launch(std::string_view path, Act act, const Scene& scene) {
  const std::uintptr_t distance = reinterpret_cast<std::uintptr_t>(act) - anchor();  // NOLINT
  words_ = {in_root(scene, path), std::string(program_word), to_hex(&distance, sizeof(distance)),
            to_hex(&scene, sizeof(scene)), std::to_string(reporter_fd)};
  keep_open(scene.broker);
  keep_open(reporter_fd);
}

char* const* Launch::arguments() {
  pointers_.clear();
  for (std::string& word : words_) pointers_.push_back(word.data());
  pointers_.push_back(nullptr);
  return pointers_.data();
}

void Launch::exec_at(int fd) {
  char* const* const words = arguments();
  if (fd < 0) {
    ::execve(path(), words, environ);
  } else {
    ::syscall(SYS_execveat, fd, "", words, environ, AT_EMPTY_PATH);
  }
}

Outcome become(std::string_view path, Act act, const Scene& scene) {
  Launch(path, act, scene).exec();
  return failed("exec " + std::string(path));
}

Outcome in_program(std::string_view path, Act act, const Scene& scene) {
  return fork_and_wait([&](int reporter) {
    reporter_fd = reporter;
    send_outcome(reporter, become(path, act, scene));
  });
}

Outcome in_script(std::string_view path, Act act, const Scene& scene) {
  return fork_and_wait([&](int reporter) {
    reporter_fd = reporter;
    Launch launch(path, act, scene);
    launch.is_script();
    launch.exec();
    send_outcome(reporter, failed("exec " + std::string(path)));
  });
}

}  // namespace socklid::selftest
