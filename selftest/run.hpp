// SPDX-License-Identifier: Apache-2.0
//
// Runner: carries rows out, first without a policy, then under each.
//
//   Runner runner = SL_TRY(Runner::open(make_node));
//   for (const Case& one : cases(patterns)) {
//     const auto findings = SL_TRY(runner.run(one, policies_of(*one.row)));
//     for (const Finding& finding : findings) print(finding);
//   }
//   SL_CHECK(runner.close());
//
// Needs root. From open() on the process stays on one CPU, which the proof that nothing has
// arrived rests on (selftest/arena/receiver.hpp), and inherits the orphans of its attempts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "annotations/parser.hpp"
#include "base/result.hpp"
#include "selftest/arena/arena.hpp"
#include "selftest/arena/modules.hpp"
#include "selftest/case.hpp"
#include "selftest/policy.hpp"
#include "selftest/row.hpp"
#include "selftest/trial.hpp"

namespace socklid::selftest {

enum class Seen : std::uint8_t {
  holds,        ///< nothing came of it, and the guard that the row names has counted it
  open,         ///< what must not come about has
  wrong_guard,  ///< nothing came of it, and not by the guard that the row names
  no_answer,    ///< the attempt did not come to an end
  not_tried,    ///< it does not work here without a policy either
  absent,       ///< the machine does not have what it takes (Row::needs, Row::lacks)
};

/// A case under one policy.
struct Finding {
  Case of;
  Policy policy{Policy::verbs};
  Guard expected{};
  Seen seen{Seen::not_tried};
  std::string detail;  ///< what else there is to say: steps, errors, guards; may be empty
};

class Runner {
 public:
  [[nodiscard]] static Result<Runner> open(MakeNode make_node);
  /// One for each of `policies`, in their order. An error ends the run: the node cannot do it, or
  /// not even what a policy names gets through.
  [[nodiscard]] Result<std::vector<Finding>> run(const Case& one, std::span<const Policy> policies);
  /// Under this one policy, whether it works without or not. Of Policy::nothing there is none.
  [[nodiscard]] Result<Finding> run_under(Policy policy, const Case& one);
  /// Takes everything away. Goes on after an error and returns the first.
  [[nodiscard]] Result<> close();

 private:
  explicit Runner(ArenaDirectory directory)
      : directory_(std::make_unique<ArenaDirectory>(std::move(directory))),
        modules_(std::make_unique<Modules>()) {}
  /// Why it can't be tried here; empty if it can.
  [[nodiscard]] std::string lacks(const Row& row);
  /// All of its findings, if the machine does not have what it takes; else none.
  [[nodiscard]] static std::vector<Finding> absent(const Case& one,
                                                   std::span<const Policy> policies);
  [[nodiscard]] Result<std::string> why_not(const Case& one);
  [[nodiscard]] Result<> try_under(Finding& finding);
  [[nodiscard]] Result<std::unique_ptr<Arena>> make_arena(Policy policy, const Row& row);
  /// What the policy names gets through.
  [[nodiscard]] Result<> check_works(Arena& arena, Policy policy);
  /// One that may be used by others before and after.
  [[nodiscard]] Result<Arena*> shared_arena(Policy policy, const Row& row);
  /// An arena for one run: shared, or of the row's own, which end() closes.
  struct Lease {
    Arena* arena{nullptr};
    std::unique_ptr<Arena> own;
    [[nodiscard]] Result<> end() const;
  };
  [[nodiscard]] Result<Lease> lease(Policy policy, const Row& row);

  std::unique_ptr<ArenaDirectory> directory_;  ///< arenas refer to it
  std::unique_ptr<Modules> modules_;
  /// By whether its files are its own, and its policy.
  std::map<std::pair<bool, annotations::Annotations>, std::unique_ptr<Arena>> arenas_;
  Scenes scenes_;
  unsigned made_{0};  ///< arenas so far
};

}  // namespace socklid::selftest
