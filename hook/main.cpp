// SPDX-License-Identifier: Apache-2.0
//
// socklid-hook STAGE < state: an OCI hook for createRuntime and poststop. If something is wrong the
// system log and `socklid doctor` have the whole story, the exit status says what kind (Exit), and
// standard error gets a line that holds nothing of the container's (I11).
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "hook/handover.hpp"
#include "hook/hook.hpp"
#include "hook/linux_node.hpp"
#include "hook/public_line.hpp"
#include "system/input.hpp"
#include "system/log.hpp"
#include "system/privileges.hpp"

namespace socklid {
namespace {

/// Of a run that failed, what the answer to it needs.
struct Facts {
  std::string id;         ///< empty if the state has none
  pid_t pid{0};           ///< 0 if it has none
  bool may_print{false};  ///< only if it is known that standard error is no author's file
};

/// `input` is what the runtime wrote.
Result<> run(const char* argument, const Result<std::string>& input, Facts& facts) {
  const Stage stage = SL_TRY(parse_stage(argument));
  if (!input) return Failure(input.error());
  const ContainerState state = SL_TRY(parse_state(*input, stage));
  facts = {.id = state.id, .pid = state.pid, .may_print = may_print(state.annotations)};
  if (SOCKLID_HANDS_OVER && needs_rules(state, stage, Paths{})) return hand_over(argument, *input);
  LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
  if (stage == Stage::create) return create(node, state);
  for (const Error& error : remove(node, state)) log_error("poststop: " + error.message);
  return {};
}

int hook(const char* argument) {
  const Result<std::string> input = read_input(STDIN_FILENO, state_limit);
  Facts facts;
  const Result<> done = run(argument, input, facts);
  if (done) return 0;
  const Error& error = done.error();
  const std::string of = facts.id.empty() ? "" : " of " + short_id(facts.id);
  log_error(std::string(argument) + of + ": " + error.message);
  // Nobody undoes or repeats what poststop does, and a failure only hides the engine's own (I7).
  if (std::string_view(argument) == "poststop") return 0;
  const int exit = static_cast<int>(error.exit);
  (void)remember_refusal(Paths{}, {.time = ::time(nullptr),
                                   .id = facts.id,
                                   .exit = exit,
                                   .message = error.message,
                                   .origin = origin_of(facts.pid, facts.id)});
  if (facts.may_print) print_line(STDERR_FILENO, PublicLine(error.exit, error.where));
  return exit;
}

/// Of a person, who gives no state and so no annotations either; a runtime's input is a pipe.
void show_usage() {
  constexpr std::string_view usage =
      "usage: socklid-hook createRuntime|prestart|poststop < state (see runtime-spec)\n";
  log_error("called without a stage, or with more than that");
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1) return;
  (void)!::write(STDERR_FILENO, usage.data(), usage.size());
}

}  // namespace
}  // namespace socklid

int main(int argc, char** argv) {
  using namespace socklid;
  // Not the library's own handler, which prints to standard error.
  std::set_terminate(std::abort);
  try {
    harden();
    if (argc == 2 && std::string_view(argv[1]) == "--version") {
      return std::puts("socklid-hook " SOCKLID_VERSION) < 0 ? 1 : 0;
    }
    if (argc == 2) return hook(argv[1]);
    show_usage();
    return static_cast<int>(Exit::usage);
  } catch (const std::exception& error) {
    log_error(error.what());
    return static_cast<int>(Exit::internal);
  }
}
