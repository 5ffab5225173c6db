// SPDX-License-Identifier: Apache-2.0
//
// Only doing it tells whether a node can do it: `bpf` in the list of LSMs and the right version
// prove nothing. Everything done here is taken back.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "command/doctor/check.hpp"
#include "command/node/rehearsal.hpp"
#include "guard/guard.hpp"
#include "guard/pins.hpp"
#include "node/cgroup.hpp"
#include "system/files.hpp"
#include "system/lock.hpp"

namespace socklid::command {
namespace {

/// Puts this build's programs and anchors back to what there was when it was made.
class Restore {
 public:
  explicit Restore(std::string cgroup_mount) : cgroup_mount_(std::move(cgroup_mount)) {
    const UniqueFd pins = open();
    loaded_ = static_cast<bool>(pins);
    had_root_ = ::access(std::string(bpffs_root).c_str(), F_OK) == 0;
    if (pins) before_ = list_directory(pins.get()).value_or(std::vector<std::string>{});
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

  [[nodiscard]] bool loaded() const { return loaded_; }

  [[nodiscard]] Result<> run() const {
    if (loaded_) return remove_new_pins();
    SL_CHECK(SocketGuard::unload(object_hash(), cgroup_mount_));
    if (!had_root_) (void)::rmdir(std::string(bpffs_root).c_str());
    return {};
  }

 private:
  [[nodiscard]] static UniqueFd open() {
    const std::string path = pins::directory(object_hash());
    return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  [[nodiscard]] Result<> remove_new_pins() const {
    const UniqueFd pins = open();
    if (!pins) return {};
    for (const std::string& file : SL_TRY(list_directory(pins.get()))) {
      if (std::find(before_.begin(), before_.end(), file) == before_.end()) {
        SL_CHECK(remove_file(pins.get(), file));
      }
    }
    return {};
  }

  std::string cgroup_mount_;
  bool loaded_{false};
  bool had_root_{false};
  std::vector<std::string> before_;
};

/// Whether the programs were there before.
Result<bool> load_and_attach(const Paths& paths) {
  const CgroupMount mount = SL_TRY(find_cgroup_mount());
  const NodeLock lock = SL_TRY(NodeLock::acquire(paths, Deadline::after_seconds(run_seconds)));
  const Restore restore(mount.point);
  const auto guard = SocketGuard::open(every_hook(), mount.point);
  SL_CHECK(restore.run());
  if (!guard) return Failure(guard.error());
  return restore.loaded();
}

}  // namespace

Check check_slots(const Paths& /*paths*/) {
  const char* const name = "LSM slots";
  const auto slots = SocketGuard::slots();
  if (!slots) return failed(name, slots.error().message);
  const std::string detail = std::to_string(slots->ours) + " ours, " +
                             std::to_string(slots->foreign) + " of others, " +
                             std::to_string(slots->free) + " free";
  if (slots->ours + slots->free >= lsm_slot_count) return passed(name, detail);
  return failed(name, detail + ", and policies may need " + std::to_string(lsm_slot_count),
                "find the programs of others with bpftool link, and remove some");
}

Check check_programs(const Paths& paths) {
  const char* const name = "BPF programs";
  const auto loaded = load_and_attach(paths);
  if (!loaded) return failed(name, loaded.error().message);
  const std::string what = "load, attach to every hook, and run; ";
  return passed(name, what + (*loaded ? "they were loaded already" : "unloaded again"));
}

Check check_nf_tables(const Paths& /*paths*/) {
  const char* const name = "nf_tables";
  const auto tried = rehearse_rules();
  if (tried) return passed(name, "rules can be put into a network namespace");
  return failed(name, tried.error().message, "io.socklid.egress needs them");
}

}  // namespace socklid::command
