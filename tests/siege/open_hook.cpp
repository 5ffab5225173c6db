// SPDX-License-Identifier: Apache-2.0
//
// The hook with guards left out, for tests/siege alone: its programs have the switches (SL_MUTANT).
//
//   socklid-open-hook off GUARD...    loads the programs and switches these off, by the names
//                                     of selftest ("bind", "io.socklid.egress: not named") or the
//                                     numbers of sl_single_guard; "list" lists the names
//   socklid-open-hook createRuntime   as socklid-hook does it, but for the rules of these guards
//   socklid-open-hook poststop
//   socklid-open-hook unload          takes the programs off the node
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "hook/hook.hpp"
#include "hook/linux_node.hpp"
#include "selftest/guard.hpp"
#include "system/input.hpp"
#include "system/privileges.hpp"
#include "tests/mutants/mutant_node.hpp"
#include "tests/mutants/mutant_rules.hpp"

namespace socklid::test {
namespace {

using selftest::Guard;

/// The numbers of the guards in the rules that are off; what runtimes start has no environment.
constexpr const char* memory = "/run/socklid-open-hook";

struct Off {
  std::vector<unsigned> numbers;  ///< in the programs
  std::vector<Guard> rules;
};

bool is_number(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

Result<Off> parse(std::span<const std::string> words) {
  Off off;
  for (const std::string& word : words) {
    if (is_number(word)) {
      off.numbers.push_back(static_cast<unsigned>(std::stoul(word)));
      continue;
    }
    const auto& all = selftest::all_guards();
    const auto found = std::find_if(all.begin(), all.end(), [&word](Guard guard) {
      return guard != Guard::harmless && selftest::name_of(guard) == word;
    });
    if (found == all.end()) return fail(Exit::usage, "no guard is called ", word);
    if (selftest::comments_of(*found).empty()) {
      off.numbers.push_back(selftest::reason_of(*found));
    } else {
      off.rules.push_back(*found);
    }
  }
  return off;
}

Result<> switch_off_words(std::span<const std::string> words) {
  const Off off = SL_TRY(parse(words));
  SL_CHECK(load_programs());
  SL_CHECK(switch_off_in_programs(off.numbers));
  std::ofstream file(memory);
  for (const Guard guard : off.rules) file << static_cast<unsigned>(guard) << '\n';
  file.close();
  if (!file) return fail(Exit::internal, "cannot write ", memory);
  return {};
}

std::vector<Guard> remembered() {
  std::ifstream file(memory);
  std::vector<Guard> guards;
  std::transform(std::istream_iterator<unsigned>(file), std::istream_iterator<unsigned>(),
                 std::back_inserter(guards),
                 [](unsigned number) { return static_cast<Guard>(number); });
  return guards;
}

class OpenNode final : public LinuxNode {
 public:
  OpenNode() : LinuxNode(Paths{}, Deadline::after_seconds(run_seconds)) {}

  [[nodiscard]] Result<> install_rules(const ContainerTarget& target,
                                       const NftRuleset& rules) override {
    return LinuxNode::install_rules(target, leave_out(remembered(), rules));
  }
};

Result<> run_stage(const char* argument) {
  const Stage stage = SL_TRY(parse_stage(argument));
  const std::string input = SL_TRY(read_input(STDIN_FILENO, state_limit));
  const ContainerState state = SL_TRY(parse_state(input, stage));
  OpenNode node;
  if (stage == Stage::create) return create(node, state);
  const std::vector<Error> errors = remove(node, state);
  return errors.empty() ? Result<>{} : fail(errors.front().exit, errors.front().message);
}

Result<> run(const std::vector<std::string>& words) {
  if (words.front() == "off") return switch_off_words({words.begin() + 1, words.end()});
  if (words.front() == "unload") return unload_programs();
  if (words.front() != "list") return run_stage(words.front().c_str());
  for (const Guard guard : selftest::all_guards()) {
    if (guard != Guard::harmless)
      std::printf("%s\n", std::string(selftest::name_of(guard)).c_str());
  }
  return {};
}

}  // namespace
}  // namespace socklid::test

int main(int argc, char** argv) {
  using namespace socklid;
  harden();
  if (argc < 2) return static_cast<int>(Exit::usage);
  const auto done = test::run({argv + 1, argv + argc});
  if (done) return 0;
  std::fprintf(stderr, "socklid-open-hook: %s\n", done.error().message.c_str());
  return static_cast<int>(done.error().exit);
}
