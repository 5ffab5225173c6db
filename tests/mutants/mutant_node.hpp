// SPDX-License-Identifier: Apache-2.0
//
// MutantNode: a LinuxNode that leaves one guard standing in the rules it installs; and the
// switches of the guards in the BPF programs, which only the object of this test has (SL_MUTANT,
// bpf/decide.h).
//
//   SL_CHECK(load_programs());
//   SL_CHECK(leave_only_in_programs(Guard::connect));
//   Runner::open([] { return std::make_unique<MutantNode>(Guard::connect); });
#pragma once

#include <initializer_list>
#include <optional>
#include <span>

#include "hook/linux_node.hpp"
#include "selftest/guard.hpp"

namespace socklid::test {

class MutantNode final : public LinuxNode {
 public:
  /// Nothing: no guard stands in the rules.
  explicit MutantNode(std::optional<selftest::Guard> guard);

  [[nodiscard]] Result<> install_rules(const ContainerTarget& target,
                                       const NftRuleset& rules) override;

 private:
  std::optional<selftest::Guard> guard_;
};

/// Loads and pins the programs of this test, if they are not.
[[nodiscard]] Result<> load_programs();
/// Takes them off the node.
[[nodiscard]] Result<> unload_programs();

/// Switches off the guards in the programs, but the one, until the next call. All of them for a
/// guard that is not in the programs, or without one. That a policy must have been written
/// (SL_REASON_UNCONFIGURED) stays.
[[nodiscard]] Result<> leave_only_in_programs(std::optional<selftest::Guard> guard);

/// Switches off these in the programs and nothing else, until the next call: guards that share a
/// reason with others (sl_single_guard, bpf/decide.h), by their numbers.
[[nodiscard]] Result<> switch_off_in_programs(std::initializer_list<unsigned> single_guards);

/// The same with numbers that are known when it runs, reasons or single guards.
[[nodiscard]] Result<> switch_off_numbers(std::span<const unsigned> numbers);

}  // namespace socklid::test
