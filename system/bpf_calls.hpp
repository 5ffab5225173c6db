// SPDX-License-Identifier: Apache-2.0
//
// bpf(2) for pinned objects: all that a start needs on a node where the programs are loaded. libbpf
// does the same, but comes with libelf, which not every distribution has as an archive for a static
// program (D9). Each function returns what the system call does, -1 with errno. Descriptors are
// close-on-exec.
//
//   const UniqueFd map(bpf::get("/sys/fs/bpf/socklid/programs/HASH/map_seals"));
//   bpf_map_info info{};
//   if (!map || bpf::info(map.get(), info) != 0) return fail_errno(Exit::bpf, "look at a map");
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace socklid::bpf {

/// Opens what is pinned as `path`.
[[nodiscard]] int get(const std::string& path);
[[nodiscard]] int pin(int fd, const std::string& path);

/// `target` is a directory of cgroup2 for programs of cgroups, 0 for the others.
[[nodiscard]] int attach(int program, int target, bpf_attach_type type);
/// An iterator of a link: reading it gives what the program writes.
[[nodiscard]] int make_iterator(int link);

[[nodiscard]] int find(int map, const void* key, void* value);
[[nodiscard]] int put(int map, const void* key, const void* value, std::uint64_t flags);
/// `count` entries, each replacing what is there.
[[nodiscard]] int put_all(int map, const void* keys, const void* values, std::uint32_t count);
/// The next entries of a hash, at most `count`, which becomes how many there were. `from` is null
/// at the beginning, and then what an earlier call has put into `to`, which may be the same. ENOENT
/// is the end, with entries or without; ENOSPC: `count` is less than some bucket has.
[[nodiscard]] int take_batch(int map, const std::uint32_t* from, std::uint32_t* to, void* keys,
                             void* values, std::uint32_t& count);
[[nodiscard]] int erase(int map, const void* key);
/// The key after `key`, or the first one after nullptr; ENOENT at the end.
[[nodiscard]] int next_key(int map, const void* key, void* next);

[[nodiscard]] int program_by_id(std::uint32_t id);
[[nodiscard]] int map_by_id(std::uint32_t id);
[[nodiscard]] int link_by_id(std::uint32_t id);
/// Makes `id` the number of the next link; 0 begins, ENOENT is the end.
[[nodiscard]] int next_link(std::uint32_t& id);

/// `info` has `size` bytes, which are zero, or ask for arrays.
[[nodiscard]] int info(int fd, void* info, std::size_t size);
template <typename Info>
[[nodiscard]] int info(int fd, Info& about) {
  return info(fd, &about, sizeof(about));
}

/// Runs a program of type BPF_PROG_TYPE_SYSCALL once with `context`; `result` is what it returned.
[[nodiscard]] int run(int program, void* context, std::size_t size, std::uint32_t& result);

/// How many CPUs `list`, a file like /sys/devices/system/cpu/possible ("0-3,8\n"), names; 0 if it
/// is none.
[[nodiscard]] std::size_t count_cpus(std::string_view list);

}  // namespace socklid::bpf
