// SPDX-License-Identifier: Apache-2.0
//
// How full the maps are that all containers of the node share.
#include "command/doctor/check.hpp"
#include "command/output.hpp"
#include "command/running/builds.hpp"
#include "guard/guard.hpp"

namespace socklid::command {
namespace {

constexpr const char* maps_name = "maps";

/// From here on a node is about to refuse containers.
bool is_nearly_full(const MapUse& use) {
  return use.used >= use.limit / 10 * 9;
}

std::string to_string(const MapUse& use) {
  return std::to_string(use.used) + " of " + std::to_string(use.limit) + " " +
         std::string(use.what);
}

Result<std::vector<BuildMaps>> maps_of_all(const Paths& paths) {
  std::vector<BuildMaps> all;
  for (const std::string& hash : SL_TRY(loaded_builds(paths))) {
    const auto guard = SL_TRY(SocketGuard::find(hash));
    if (guard) all.push_back({hash, SL_TRY(guard->map_use())});
  }
  return all;
}

}  // namespace

Check judge_maps(const std::vector<BuildMaps>& builds) {
  if (builds.empty()) return passed(maps_name, "no programs are loaded");
  bool full = false;
  std::vector<std::string> lines;
  for (const BuildMaps& build : builds) {
    std::vector<std::string> uses;
    for (const MapUse& use : build.maps) {
      full = full || is_nearly_full(use);
      uses.push_back(to_string(use));
    }
    lines.push_back(printable(build.hash) + " has " + joined(uses, ", "));
  }
  const std::string detail = joined(lines, "; ") + " (lists as counted when they were written)";
  if (!full) return passed(maps_name, detail);
  return failed(
      maps_name, "nearly full: " + detail,
      "stop containers, shorten the lists of io.socklid.connect, io.socklid.bind and "
      "io.socklid.egress, or name fewer programs in io.socklid.subject.NAME and fewer paths "
      "in io.socklid.readonly: what a full map is for gets no other container");
}

Check check_maps(const Paths& paths) {
  const auto all = maps_of_all(paths);
  return all ? judge_maps(*all) : failed(maps_name, all.error().message);
}

}  // namespace socklid::command
