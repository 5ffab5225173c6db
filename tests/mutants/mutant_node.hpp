// SPDX-License-Identifier: Apache-2.0
//
// MutantNode: a LinuxNode that leaves some guards standing in the rules it installs; and the
// switches of the guards in the BPF programs, which only the object of this test has (SL_MUTANT,
// bpf/decide.h).
//
//   SL_CHECK(load_programs());
//   SL_CHECK(leave_only_in_programs({Guard::connect}));
//   Runner::open([] { return std::make_unique<MutantNode>(Guards{Guard::connect}); });
#pragma once

#include <span>

#include "hook/linux_node.hpp"
#include "selftest/guard.hpp"
#include "tests/mutants/mutant_rules.hpp"

namespace socklid::test {

class MutantNode final : public LinuxNode {
 public:
  explicit MutantNode(Guards guards);

  [[nodiscard]] Result<> install_rules(const ContainerTarget& target,
                                       const NftRuleset& rules) override;

 private:
  Guards guards_;
};

/// Loads and pins the programs of this test, if they are not.
[[nodiscard]] Result<> load_programs();
/// Takes them off the node.
[[nodiscard]] Result<> unload_programs();

/// Switches off the guards in the programs, but these, until the next call. That a policy must have
/// been written (SL_REASON_UNCONFIGURED) stays.
[[nodiscard]] Result<> leave_only_in_programs(const Guards& guards);

/// Switches off these in the programs and nothing else, until the next call: reasons by their
/// numbers, and guards that share a reason with others (sl_single_guard, bpf/policy_abi.h).
[[nodiscard]] Result<> switch_off_in_programs(std::span<const unsigned> numbers);

}  // namespace socklid::test
