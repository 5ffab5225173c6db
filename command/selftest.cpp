// SPDX-License-Identifier: Apache-2.0
#include "command/selftest.hpp"

#include <cstdio>
#include <memory>

#include "command/output.hpp"
#include "command/running/container.hpp"
#include "hook/linux_node.hpp"
#include "selftest/arena/interrupt.hpp"
#include "selftest/case.hpp"
#include "selftest/report.hpp"
#include "selftest/run.hpp"
#include "selftest/ways/inside/program.hpp"

namespace socklid::command {
namespace {

using selftest::Case;
using selftest::Finding;
using selftest::Policy;
using selftest::Row;
using selftest::Runner;

std::unique_ptr<Node> real_kernel() {
  return std::make_unique<LinuxNode>(Paths{}, Deadline::after_seconds(run_seconds));
}

/// A line as soon as it is known, also into a pipe.
void print_now(const std::string& text) {
  print(text);
  std::fflush(stdout);
}

/// All that are called so, or the row's only one.
std::vector<Policy> policies_of(const Row& row, std::string_view name) {
  std::vector<Policy> chosen;
  for (const Policy policy : selftest::policies_of(row)) {
    if (row.own || name.empty() || selftest::name_of(policy) == name) chosen.push_back(policy);
  }
  return chosen;
}

Result<std::vector<Finding>> run_all(Runner& runner, const std::vector<Case>& cases,
                                     const SelftestOptions& options) {
  const bool quiet = options.json;
  selftest::Table table(cases);
  std::vector<Finding> all;
  if (!quiet) print_now(table.header());
  for (const Case& one : cases) {
    for (Finding& finding : SL_TRY(runner.run(one, policies_of(*one.row, options.policy)))) {
      if (!quiet) print_now(table.line(finding));
      all.push_back(std::move(finding));
    }
  }
  return all;
}

}  // namespace

Result<int> selftest(const SelftestOptions& options) {
  const std::vector<Case> cases = selftest::cases(options.patterns);
  if (cases.empty()) return fail(Exit::usage, "selftest: no row has such a name");
  if (options.list) {
    print_verbatim(selftest::list_text(cases));  // tabs are for programs that read it
    return 0;
  }
  SL_CHECK(check_root("selftest"));
  selftest::catch_interrupts();
  Runner runner = SL_TRY(Runner::open(real_kernel));
  const auto findings = run_all(runner, cases, options);
  const auto closed = runner.close();
  if (!findings) return wrap("selftest", findings.error());
  if (!closed) return wrap("selftest: clean up", closed.error());
  const selftest::Summary summary = selftest::summary_of(*findings);
  if (options.json) {
    print_json(selftest::to_json(*findings));
  } else {
    print("\n" + selftest::to_string(summary) + "\n");
  }
  return selftest::is_good(summary, options.strict) ? 0 : 1;
}

std::optional<int> selftest_program(int argc, char** argv) {
  return selftest::run_program(argc, argv);
}

}  // namespace socklid::command
