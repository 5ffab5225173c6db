// SPDX-License-Identifier: Apache-2.0
//
// program: attempts carried out by a program of the container's, for what a task may do depends on
// what it has exec'ed. Each program is a copy of the one that runs here, or a script of one, so
// that a function lies where it lies here, as far from the others.
//
//   return in_program("/bin/caged", connect_tcp, scene);   // a child becomes it and does that
//   return become("/bin/other", connect_tcp, scene);       // in such a child: it becomes another
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "selftest/row.hpp"
#include "selftest/ways/elsewhere.hpp"

namespace socklid::selftest {

/// The first argument of a program that is to carry something out.
inline constexpr std::string_view program_word = "selftest-act";

/// For main(): what such a program has done, as its exit status. Nothing if these arguments are of
/// another kind.
[[nodiscard]] std::optional<int> run_program(int argc, char** argv);

/// Where the file of the container is (selftest/arena/root.hpp).
[[nodiscard]] std::string in_root(const Scene& scene, std::string_view path);

/// What a program is started with, so that it carries out `act`.
class Launch {
 public:
  /// `path`: of the container. What it leaves open goes on to the program: the broker, and who is
  /// told of the outcome.
  Launch(std::string_view path, Act act, const Scene& scene);
  [[nodiscard]] const char* path() const { return words_.front().c_str(); }
  /// Without the first word, which a script's own line adds.
  void is_script() { words_.erase(words_.begin() + 1); }
  [[nodiscard]] char* const* arguments();
  /// Returns only if it fails, with errno.
  void exec() { exec_at(-1); }
  /// The same, of a descriptor (execveat(2), AT_EMPTY_PATH) unless that is -1.
  void exec_at(int fd);

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

/// A child becomes the program. The outcome is the act's.
[[nodiscard]] Outcome in_program(std::string_view path, Act act, const Scene& scene);
/// The same of a script.
[[nodiscard]] Outcome in_script(std::string_view path, Act act, const Scene& scene);
/// This process does, if it is in one of those. Returns only if the exec fails.
[[nodiscard]] Outcome become(std::string_view path, Act act, const Scene& scene);

}  // namespace socklid::selftest
