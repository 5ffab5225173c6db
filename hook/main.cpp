// SPDX-License-Identifier: Apache-2.0
//
// socklid-hook STAGE < state: an OCI hook for createRuntime and poststop. One line on standard
// error and in the system log if something is wrong; the exit status says what kind (Exit).
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string_view>

#include "hook/handover.hpp"
#include "hook/hook.hpp"
#include "hook/input.hpp"
#include "hook/linux_kernel.hpp"
#include "hook/log.hpp"
#include "hook/privileges.hpp"

namespace socklid {
namespace {

/// The id and what came of it; `input` is what the runtime wrote.
Result<> run(const char* argument, const Result<std::string>& input, std::string& id) {
  const Stage stage = SL_TRY(parse_stage(argument));
  if (!input) return tl::unexpected<Error>(input.error());
  const ContainerState state = SL_TRY(parse_state(*input, stage));
  id = state.id;
  if (SOCKLID_HANDS_OVER && needs_rules(state, stage, Paths{})) return hand_over(argument, *input);
  LinuxKernel kernel(Paths{}, Deadline::after_seconds(run_seconds));
  if (stage == Stage::create) return create(kernel, state);
  for (const Error& error : remove(kernel, state)) log_error("poststop: " + error.message);
  return {};
}

int hook(const char* argument) {
  const Result<std::string> input = read_input(STDIN_FILENO, state_limit);
  std::string id;
  const Result<> done = run(argument, input, id);
  if (done) return 0;
  const Error& error = done.error();
  log_error(std::string(argument) + (id.empty() ? "" : " of " + short_id(id)) + ": " +
            error.message);
  // Nobody undoes or repeats what poststop does, and a failure only hides the engine's own (I7).
  if (std::string_view(argument) == "poststop") return 0;
  const int exit = static_cast<int>(error.exit);
  (void)remember_refusal(
      Paths{}, {.time = ::time(nullptr), .id = id, .exit = exit, .message = error.message});
  return exit;
}

}  // namespace
}  // namespace socklid

int main(int argc, char** argv) {
  using namespace socklid;
  try {
    harden();
    if (argc == 2 && std::string_view(argv[1]) == "--version") {
      return std::puts("socklid-hook " SOCKLID_VERSION) < 0 ? 1 : 0;
    }
    if (argc == 2) return hook(argv[1]);
    log_error("usage: socklid-hook createRuntime|prestart|poststop < state (see runtime-spec)");
    return static_cast<int>(Exit::usage);
  } catch (const std::exception& error) {
    log_error(error.what());
    return static_cast<int>(Exit::internal);
  }
}
