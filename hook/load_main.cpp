// SPDX-License-Identifier: Apache-2.0
//
// socklid-hook-load HASH DIRECTORY: loads the programs of the build HASH and pins them under
// DIRECTORY, for socklid-hook, which has no libbpf (D9). Shared libraries may be needed: it runs
// once a boot. As in_program() wants it, standard output gets an error's message and the exit
// status is its Exit.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "guard/guard.hpp"
#include "guard/object/object.hpp"
#include "system/privileges.hpp"

namespace socklid {
namespace {

Result<> load(std::string_view hash, const std::string& directory) {
  if (hash == object_hash()) return load_object(directory);
  return fail(Exit::internal,
              "socklid-hook-load is not of the version of socklid-hook: install socklid again");
}

int answer(Exit exit, std::string_view message) {
  (void)!::write(STDOUT_FILENO, message.data(), message.size());
  return static_cast<int>(exit);
}

}  // namespace
}  // namespace socklid

int main(int argc, char** argv) {
  using namespace socklid;
  std::set_terminate(std::abort);
  try {
    harden();
    if (argc == 2 && std::string_view(argv[1]) == "--version") {
      return std::puts("socklid-hook-load " SOCKLID_VERSION) < 0 ? 1 : 0;
    }
    if (argc != 3) return answer(Exit::usage, "socklid-hook-load is for socklid-hook\n");
    const Result<> done = load(argv[1], argv[2]);
    return done ? 0 : answer(done.error().exit, done.error().message);
  } catch (const std::exception& error) {
    return answer(Exit::internal, error.what());
  }
}
