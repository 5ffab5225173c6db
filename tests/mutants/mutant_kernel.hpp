// SPDX-License-Identifier: Apache-2.0
//
// MutantKernel: a LinuxKernel that leaves one guard standing in the rules it installs; and the
// switches of the guards in the BPF programs, which only the object of this test has (SL_MUTANT,
// bpf/decide.h).
//
//   SL_CHECK(load_programs());
//   SL_CHECK(leave_only_in_programs(Guard::connect));
//   Runner::open([] { return std::make_unique<MutantKernel>(Guard::connect); });
#pragma once

#include <optional>

#include "hook/linux_kernel.hpp"
#include "selftest/guard.hpp"

namespace socklid::test {

class MutantKernel final : public Kernel {
 public:
  /// Nothing: no guard stands in the rules.
  explicit MutantKernel(std::optional<selftest::Guard> guard);

  void warn(std::string_view message) override { real_.warn(message); }
  void note(std::string_view message) override { real_.note(message); }
  [[nodiscard]] std::int64_t now() const override { return real_.now(); }
  [[nodiscard]] Result<std::vector<StoreEntry>> entries() override { return real_.entries(); }
  [[nodiscard]] Result<> begin() override { return real_.begin(); }
  [[nodiscard]] Liveness liveness(const StoreEntry& entry) override {
    return real_.liveness(entry);
  }
  [[nodiscard]] std::string programs() const override { return real_.programs(); }
  [[nodiscard]] Result<std::vector<std::uint64_t>> known_cgroups() override {
    return real_.known_cgroups();
  }
  [[nodiscard]] Result<ContainerTarget> open_target(const ContainerState& container,
                                                    bool with_rules) override {
    return real_.open_target(container, with_rules);
  }
  [[nodiscard]] Result<> check_unchanged(const ContainerTarget& target) override {
    return real_.check_unchanged(target);
  }
  [[nodiscard]] Result<> install_rules(const ContainerTarget& target,
                                       const NftRuleset& rules) override;
  [[nodiscard]] Result<> uninstall_rules(const ContainerTarget& target,
                                         const std::string& table) override {
    return real_.uninstall_rules(target, table);
  }
  [[nodiscard]] Result<> attach(const ContainerTarget& target, const Hooks& hooks) override {
    return real_.attach(target, hooks);
  }
  [[nodiscard]] Result<> detach(const ContainerTarget& target) override {
    return real_.detach(target);
  }
  [[nodiscard]] Result<> write_policy(const ContainerTarget& target, const Plan& plan) override {
    return real_.write_policy(target, plan);
  }
  [[nodiscard]] Result<> forget(const std::string& hash, std::uint64_t cgroup_id) override {
    return real_.forget(hash, cgroup_id);
  }
  [[nodiscard]] Result<> stage(const std::string& key) override { return real_.stage(key); }
  [[nodiscard]] Result<> unstage(const std::string& key) override { return real_.unstage(key); }
  [[nodiscard]] Result<> publish(const Record& record) override { return real_.publish(record); }
  [[nodiscard]] Result<> withdraw(const std::string& key,
                                  const std::optional<Record>& previous) override {
    return real_.withdraw(key, previous);
  }
  [[nodiscard]] Result<> unpin(const std::string& key) override { return real_.unpin(key); }
  [[nodiscard]] Result<> uninstall_saved_rules(const Record& record) override {
    return real_.uninstall_saved_rules(record);
  }
  [[nodiscard]] Result<> erase(const std::string& key) override { return real_.erase(key); }

 private:
  LinuxKernel real_;
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

}  // namespace socklid::test
