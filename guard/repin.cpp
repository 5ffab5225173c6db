// SPDX-License-Identifier: Apache-2.0
#include "guard/repin.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <vector>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "guard/pins.hpp"
#include "system/bpf_calls.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

constexpr std::string_view anchor_prefix = "anchor_";
constexpr std::string_view program_prefix = "program_";
constexpr std::string_view map_prefix = "map_";

Result<> pin(const UniqueFd& object, const std::string& path) {
  if (bpf::pin(object.get(), path) == 0) return {};
  return fail_errno(Exit::bpf, "pin " + path);
}

/// Invalid if the pin is no link, or runs nothing any more.
UniqueFd program_of_link(const std::string& path) {
  const UniqueFd link(bpf::get(path));
  bpf_link_info info{};
  if (!link || bpf::info(link.get(), info) != 0) return {};
  return UniqueFd(bpf::program_by_id(info.prog_id));
}

std::set<__u32> maps_of(const UniqueFd& program) {
  std::array<__u32, 64> ids{};
  bpf_prog_info info{};
  info.nr_map_ids = ids.size();
  info.map_ids = reinterpret_cast<__u64>(ids.data());
  if (bpf::info(program.get(), info) != 0) return {};
  return {ids.begin(), ids.begin() + std::min<std::size_t>(info.nr_map_ids, ids.size())};
}

struct Map {
  std::string name;
  UniqueFd fd;
};
std::optional<Map> map_of(__u32 id) {
  UniqueFd fd(bpf::map_by_id(id));
  bpf_map_info info{};
  if (!fd || bpf::info(fd.get(), info) != 0) return std::nullopt;
  return Map{static_cast<const char*>(info.name), std::move(fd)};
}

bool is_pinned(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

/// Under the name that a build of now gives it, or one of before.
bool has_map(const std::string& build, std::string_view name) {
  if (is_pinned(concat(build, "/", name))) return true;
  return std::any_of(pins::former_names.begin(), pins::former_names.end(), [&](const auto& one) {
    return one.name == name && is_pinned(concat(build, "/", one.former));
  });
}

/// The kernel keeps so much of a map's name (BPF_OBJ_NAME_LEN, linux/bpf.h).
std::string_view name_in_kernel(std::string_view pin) {
  return pin.substr(map_prefix.size()).substr(0, BPF_OBJ_NAME_LEN - 1);
}

/// What a map of this name is pinned as, and as which of ours; none if it is not ours.
struct Pin {
  std::string_view as;
  std::string_view name;
};
std::optional<Pin> pin_of(std::string_view map) {
  for (const std::string_view name : pins::maps) {
    if (name_in_kernel(name) == map) return Pin{name, name};
  }
  for (const pins::FormerName& one : pins::former_names) {
    if (name_in_kernel(one.former) == map) return Pin{one.former, one.name};
  }
  return std::nullopt;
}

Result<> pin_programs(const std::string& build, const std::string& links) {
  const auto pin_program_of = [&](const std::string& link, std::string_view hook) -> Result<> {
    const std::string path = build + "/" + std::string(program_prefix).append(hook);
    if (is_pinned(path)) return {};
    const UniqueFd program = program_of_link(link);
    return program ? pin(program, path) : Result<>{};
  };
  for (const std::string& name : SL_TRY(list_if_there(build))) {
    if (!name.starts_with(anchor_prefix)) continue;
    SL_CHECK(
        pin_program_of(build + "/" + name, std::string_view(name).substr(anchor_prefix.size())));
  }
  for (const std::string& hook : SL_TRY(list_if_there(links))) {
    SL_CHECK(pin_program_of(links + "/" + hook, hook));
  }
  return {};
}

Result<> pin_maps(const std::string& build) {
  std::set<__u32> ids;
  for (const std::string& name : SL_TRY(list_if_there(build))) {
    if (!name.starts_with(program_prefix)) continue;
    const UniqueFd program(bpf::get(build + "/" + name));
    if (program) ids.merge(maps_of(program));
  }
  for (const __u32 id : ids) {
    const auto map = map_of(id);
    if (!map) continue;
    const auto wanted = pin_of(map->name);
    if (!wanted || has_map(build, wanted->name)) continue;
    SL_CHECK(pin(map->fd, concat(build, "/", wanted->as)));
  }
  return {};
}

}  // namespace

Result<> pin_again(std::string_view hash, const std::string& links) {
  const std::string build = pins::directory(hash);
  if (!is_pinned(build)) return {};
  SL_CHECK(pin_programs(build, links));
  SL_CHECK(pin_maps(build));
  for (const std::string_view name : pins::maps) {
    if (has_map(build, name)) continue;
    return fail(Exit::unsupported, name, " of the build ", hash,
                " is gone with all that used it: stop its containers, and `socklid unload`");
  }
  return {};
}

}  // namespace socklid
