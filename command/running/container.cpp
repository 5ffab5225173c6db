// SPDX-License-Identifier: Apache-2.0
#include "command/running/container.hpp"

#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "command/output.hpp"
#include "guard/guard.hpp"

namespace socklid::command {

std::string_view to_string(State state) {
  switch (state) {
    case State::active:
      return "active";
    case State::damaged:
      return "damaged";
    case State::gone:
      return "gone";
    case State::incomplete:
      break;
  }
  return "incomplete";
}

State state_of(const StoreEntry& entry, Liveness liveness) {
  if (liveness == Liveness::gone) return State::gone;
  return entry.record && entry.pinned ? State::active : State::incomplete;
}

const std::string& id_of(const Container& container) {
  return container.entry.record ? container.entry.record->id : container.entry.parts.encoded_id;
}

Result<std::vector<Container>> containers(Node& node) {
  SL_CHECK(node.check_view());
  std::vector<Container> all;
  for (StoreEntry& entry : SL_TRY(node.entries())) {
    const Liveness liveness = node.liveness(entry.parts.cgroup_id);
    const State state = state_of(entry, liveness);
    auto details = node.details(entry.key);
    all.push_back({.entry = std::move(entry),
                   .details = details ? std::optional(std::move(*details)) : std::nullopt,
                   .state = state,
                   .liveness = liveness});
  }
  return all;
}

Result<const Container*> find_container(const std::vector<Container>& all,
                                        std::string_view prefix) {
  std::vector<const Container*> found;
  for (const Container& container : all) {
    if (!prefix.empty() && id_of(container).starts_with(prefix)) found.push_back(&container);
  }
  const auto keep = [&](auto&& wanted) {
    if (std::any_of(found.begin(), found.end(), wanted)) {
      std::erase_if(found, [&](const Container* one) { return !wanted(one); });
    }
  };
  keep([&](const Container* one) { return id_of(*one) == prefix; });
  const bool same_id = std::all_of(found.begin(), found.end(), [&](const Container* one) {
    return id_of(*one) == id_of(*found.front());
  });
  if (same_id) keep([](const Container* one) { return runs(*one); });
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return fail(Exit::usage, printable(prefix), ": no container with this id is under policy");
  }
  std::vector<std::string> ids;
  for (const Container* one : found) {
    ids.push_back(printable(same_id ? one->entry.key : id_of(*one)));
  }
  return fail(Exit::usage, printable(prefix), ": ", found.size(),
              " containers under policy match: ", joined(ids, ", "));
}

std::string programs_of(const Container& container) {
  return container.entry.record ? container.entry.record->object_hash : std::string(object_hash());
}

Observed look_at(Node& node, Observer& observer, Container& container) {
  Observed observed = observer.look(container.entry);
  const bool lives = container.state == State::active && container.liveness == Liveness::populated;
  if (observed.damage.empty()) return observed;
  if (lives && node.liveness(container.entry.parts.cgroup_id) == Liveness::populated) {
    container.state = State::damaged;
  } else {
    observed.damage.clear();
  }
  return observed;
}

bool runs(const Container& container) {
  return container.state == State::active || container.state == State::damaged;
}

std::uint64_t sum(const sl_denials& denials) {
  return std::accumulate(std::begin(denials.count), std::end(denials.count), std::uint64_t{0});
}

Result<> check_root(std::string_view verb) {
  if (::geteuid() == 0) return {};
  return fail(Exit::privilege, verb, " needs root: use sudo socklid ", verb);
}

}  // namespace socklid::command
