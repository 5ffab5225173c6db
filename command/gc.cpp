// SPDX-License-Identifier: Apache-2.0
#include "command/gc.hpp"

#include <algorithm>

#include "command/container.hpp"
#include "command/output.hpp"
#include "hook/hook.hpp"
#include "hook/linux_kernel.hpp"

namespace socklid::command {
namespace {

struct Share {
  std::size_t before{0};
  std::size_t after{0};
  std::vector<Error> errors;
};

Result<std::size_t> gone(Kernel& kernel) {
  const std::vector<StoreEntry> entries = SL_TRY(kernel.entries());
  return static_cast<std::size_t>(
      std::count_if(entries.begin(), entries.end(), [&](const StoreEntry& entry) {
        return kernel.liveness(entry.parts.cgroup_id) == Liveness::gone;
      }));
}

Result<Share> collect_share() {
  LinuxKernel kernel(Paths{}, Deadline::after_seconds(run_seconds));
  SL_CHECK(kernel.begin());
  Share share;
  share.before = SL_TRY(gone(kernel));
  share.errors = collect_garbage(kernel);
  share.after = SL_TRY(gone(kernel));
  return share;
}

}  // namespace

Result<int> gc() {
  SL_CHECK(check_root("gc"));
  std::size_t removed = 0;
  while (true) {
    const Share share = SL_TRY(collect_share());
    removed += share.before - std::min(share.before, share.after);
    if (share.after > 0 && share.errors.empty() && share.after < share.before) continue;
    for (const Error& error : share.errors) {
      print_error(error.message);
    }
    print("removed " + std::to_string(removed) + ", left " + std::to_string(share.after) + "\n");
    return share.after == 0 && share.errors.empty() ? 0 : 1;
  }
}

}  // namespace socklid::command
