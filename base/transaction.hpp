// SPDX-License-Identifier: Apache-2.0
//
// Transaction: named steps with an undo each (I2). Unless commit() is reached, every step that
// succeeded is undone, newest first; a step that failed must have left nothing behind itself. An
// undo refers only to what is declared before the transaction: what comes after it ends before it.
//
//   Transaction transaction([&](const Error& error) { node.warn(error.message); });
//   SL_CHECK(transaction.step(
//       "attach programs", [&] { return attach(); }, [&] { return detach(); }));
//   transaction.commit();
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace socklid {

class Transaction {
 public:
  using Action = std::function<Result<>()>;
  using Report = std::function<void(const Error&)>;

  /// `report` gets every undo that failed; the others still run.
  explicit Transaction(Report report) : report_(std::move(report)) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() { roll_back(); }

  /// Errors of `action` get "<name>: " in front.
  [[nodiscard]] Result<> step(std::string_view name, const Action& action, Action undo) {
    steps_.reserve(steps_.size() + 1);  // out of memory must not come between action and undo
    Step next{std::string(name), std::move(undo)};
    if (auto done = action(); !done) return wrap(next.name, std::move(done).error());
    steps_.push_back(std::move(next));
    return {};
  }

  /// The undo of a step that has been done, and whose errors need no name in front.
  void done(std::string_view name, Action undo) {
    steps_.push_back({std::string(name), std::move(undo)});
  }

  /// From here on everything stays.
  void commit() { steps_.clear(); }

 private:
  struct Step {
    std::string name;
    Action undo;
  };

  void roll_back() {
    for (; !steps_.empty(); steps_.pop_back()) {
      const Step& newest = steps_.back();
      if (auto undone = newest.undo(); !undone) {
        report_(wrap("undo " + newest.name, std::move(undone).error()).value());
      }
    }
  }

  Report report_;
  std::vector<Step> steps_;
};

}  // namespace socklid
