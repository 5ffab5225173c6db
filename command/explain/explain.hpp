// SPDX-License-Identifier: Apache-2.0
//
// socklid explain: what annotations would do, without doing it. Touches nothing, needs no root.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "annotations/parser.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "node/files/looked_up.hpp"
#include "plan/plan.hpp"

namespace socklid::command {

struct ExplainOptions {
  std::vector<std::string> assignments;  ///< KEY=VALUE; win over the file's
  std::string file;                      ///< empty: none; "-": standard input
  std::string container;                 ///< its name in the pod; empty: not given
  std::string network{"own"};            ///< own, shared or host: what kind of network namespace
  std::string root;                      ///< a directory to look paths up in; empty: none
  bool keys{false};                      ///< print all keys there are, and nothing else
  bool json{false};
};

/// The hook's work for one container, as explain prints it.
struct Explanation {
  std::string container;              ///< its name in the pod, if there is a choice
  bool any{false};                    ///< whether there is an annotation of ours at all
  NetnsKind network{NetnsKind::own};  ///< of what kind its network namespace would be
  annotations::Policy policy;
  Plan plan;
  std::string nft;                  ///< the ruleset as nft reads it; empty without rules
  std::optional<LookedUp> files{};  ///< of its subjects and protected paths, if a root was named
};

/// Errors as the hook's.
[[nodiscard]] Result<Explanation> explain_annotations(const annotations::Annotations& given,
                                                      std::string container,
                                                      NetnsKind network = NetnsKind::own);

[[nodiscard]] std::string explain_text(const Explanation& explanation);
[[nodiscard]] json::Value explain_json(const Explanation& explanation);
/// The paths of the plan in the directory `root`, as the hook would look them up in a container's
/// own. Errors as resolve()'s.
[[nodiscard]] Result<LookedUp> look_up_in(const std::string& root, const Plan& plan);
[[nodiscard]] std::string files_text(const LookedUp& files, const Plan& plan);
[[nodiscard]] json::Value files_json(const LookedUp& files, const Plan& plan);
/// Every key, its values and its meaning, from the table in annotations/settings.cpp.
[[nodiscard]] std::string keys_text();
[[nodiscard]] json::Value keys_json();

/// Reads what the options name and prints one explanation, or one for each container of a Pod.
[[nodiscard]] Result<int> explain(const ExplainOptions& options);

}  // namespace socklid::command
