// SPDX-License-Identifier: Apache-2.0
//
// Container: one container under policy as list, inspect, doctor and unload see it: what the store
// has of it, and what became of it.
//
//   LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
//   const auto all = SL_TRY(containers(node));
//   const Container& one = *SL_TRY(find_container(all, "4f1c"));
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "bpf/policy_abi.h"
#include "hook/node.hpp"
#include "hook/observed.hpp"
#include "store/policy_store.hpp"

namespace socklid::command {

/// active: all of its record is in force, as far as was looked (see look_at). damaged: less than
/// that. gone: its cgroup is removed, its state is not cleaned up yet (the next container's start
/// or `socklid unload` does). incomplete: a record without links, or links without a record.
enum class State { active, damaged, gone, incomplete };
[[nodiscard]] std::string_view to_string(State state);

struct Container {
  StoreEntry entry;
  std::optional<Details> details;  ///< of a record, if they read
  State state{State::incomplete};
  Liveness liveness{Liveness::gone};  ///< when it was listed
};

[[nodiscard]] State state_of(const StoreEntry& entry, Liveness liveness);

/// The id, or, of a container without a record, what its key says of it.
[[nodiscard]] const std::string& id_of(const Container& container);

/// Every container, by key. Needs no lock and no privilege beyond reading our state. Exit::node
/// where the node is seen from elsewhere (store/view.hpp), for then nothing can be said of any of
/// them.
[[nodiscard]] Result<std::vector<Container>> containers(Node& node);

/// The one container whose id is, or else begins with, `prefix`. Exit::usage if there is none or
/// more than one; of a container and its restarted self the active one counts.
[[nodiscard]] Result<const Container*> find_container(const std::vector<Container>& all,
                                                      std::string_view prefix);

/// The hash of the BPF programs that the container is under.
[[nodiscard]] std::string programs_of(const Container& container);

/// The container's state in the kernel now (I10). An active container becomes damaged if anything
/// of its record is not in force; one that stops meanwhile does not: nobody is left to hold.
[[nodiscard]] Observed look_at(Node& node, Observer& observer, Container& container);
/// Whether the container runs, with all of its policy or less.
[[nodiscard]] bool runs(const Container& container);

[[nodiscard]] std::uint64_t sum(const sl_denials& denials);

/// list, inspect, doctor and unload look at what root alone may see. Exit::privilege.
[[nodiscard]] Result<> check_root(std::string_view verb);

}  // namespace socklid::command
