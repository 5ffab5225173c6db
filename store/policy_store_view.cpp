// SPDX-License-Identifier: Apache-2.0
//
// The store's view of the node against this process's.
#include "store/policy_store.hpp"

namespace socklid {

Result<View> view_of_node(const Paths& paths) {
  auto here = view_here(paths);
  if (here) return here;
  const auto recorded = PolicyStore::view(paths);
  if (recorded && !*recorded) {
    return fail(here.error().exit,
                here.error().message + ": mount -t bpf bpf " + paths.bpffs_mount);
  }
  return fail(here.error().exit,
              here.error().message +
                  ", and the node's policies are pinned in one: run this in the mount namespace of "
                  "the engine (not in `ip netns exec`)");
}

Result<> check_view(const Paths& paths) {
  const View here = SL_TRY(view_of_node(paths));
  const auto recorded = SL_TRY(PolicyStore::view(paths));
  return recorded ? check_same(*recorded, here) : Result<>{};
}

}  // namespace socklid
