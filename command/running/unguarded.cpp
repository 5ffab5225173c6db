// SPDX-License-Identifier: Apache-2.0
#include "command/running/unguarded.hpp"

#include <algorithm>
#include <optional>

#include "node/cgroup.hpp"
#include "node/engine.hpp"

namespace socklid::command {
namespace {

bool covers(const Container& container, const RunningContainer& running) {
  const StoreEntry& entry = container.entry;
  switch (container.state) {
    case State::active:
    case State::damaged:
      return container.details && !running.cgroup.empty() &&
             contains(container.details->cgroup_path, running.cgroup);
    case State::incomplete:
      return entry.parts.encoded_id == encode_id(running.id);
    case State::gone:
      break;
  }
  return false;
}

/// What is wrong with a container that no policy covers; nothing if it asks for none.
std::optional<std::string> cause(const RunningContainer& running) {
  const auto identity = identify(running.cgroup, running.id, running.annotations);
  if (!identity) return identity.error().message;
  if (identity->is_sandbox) return std::nullopt;
  const auto policy = annotations::parse(running.annotations, identity->container);
  if (!policy) return policy.error().message;
  if (*policy == annotations::Policy{}) return std::nullopt;
  return "no policy";
}

}  // namespace

std::vector<Unguarded> unguarded(const std::vector<RunningContainer>& running,
                                 const std::vector<Container>& all) {
  std::vector<Unguarded> found;
  for (const RunningContainer& one : running) {
    if (std::any_of(all.begin(), all.end(),
                    [&](const Container& container) { return covers(container, one); })) {
      continue;
    }
    if (auto why = cause(one)) found.push_back({one, std::move(*why)});
  }
  return found;
}

}  // namespace socklid::command
