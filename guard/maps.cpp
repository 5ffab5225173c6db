// SPDX-License-Identifier: Apache-2.0
#include "guard/maps.hpp"

#include <fcntl.h>
#include <sched.h>

#include "system/bpf_calls.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

bool is_per_cpu(std::uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

Result<std::size_t> possible_cpus() {
  const std::string path = "/sys/devices/system/cpu/possible";
  const std::size_t cpus = bpf::count_cpus(SL_TRY(read_file(AT_FDCWD, path, Exit::node)));
  if (cpus == 0) return fail(Exit::node, "count the possible CPUs: ", path, " names none");
  return cpus;
}

/// What a hash says that is full (kernel/bpf/hashtab.c), and a trie (kernel/bpf/lpm_trie.c).
bool says_full(int error) {
  return error == E2BIG || error == ENOSPC;
}

}  // namespace

Result<UniqueFd> get_pin(const std::string& path) {
  UniqueFd fd(bpf::get(path));
  if (!fd) return fail_errno(Exit::bpf, "open the BPF pin " + path);
  return fd;
}

Result<RawMap> RawMap::find(const std::string& path) {
  UniqueFd fd(bpf::get(path));
  if (!fd && errno == ENOENT) return RawMap();
  if (!fd) return fail_errno(Exit::bpf, "open the BPF pin " + path);
  return of(std::move(fd));
}

Result<RawMap> RawMap::of(UniqueFd fd) {
  bpf_map_info info{};
  if (bpf::info(fd.get(), info) != 0) {
    return fail_errno(Exit::bpf, "look at a map");
  }
  RawMap map;
  map.fd_ = std::move(fd);
  map.key_size_ = info.key_size;
  map.stride_ = map.value_size_ = info.value_size;
  map.max_entries_ = info.max_entries;
  if (!is_per_cpu(info.type)) return map;
  // Per-CPU maps have one value for each *possible* CPU, each rounded up to 8 bytes
  // (Documentation/bpf/map_hash.rst).
  const std::size_t cpus = SL_TRY(possible_cpus());
  map.stride_ = (map.value_size_ + std::size_t{7}) / 8 * 8;
  map.copies_ = cpus;
  return map;
}

Result<std::vector<std::vector<char>>> RawMap::find(const void* key) const {
  std::vector<std::vector<char>> values;
  std::vector<char> all(stride_ * copies_);
  if (bpf::find(fd_.get(), key, all.data()) != 0) {
    if (errno == ENOENT) return values;
    return fail_errno(Exit::bpf, "read an entry of a map");
  }
  for (std::size_t i = 0; i < copies_; ++i) {
    const char* const value = &all[i * stride_];
    values.emplace_back(value, value + value_size_);
  }
  return values;
}

Result<Put> RawMap::write(const void* key, const void* value, std::uint64_t flags) const {
  std::vector<char> all(stride_ * copies_);
  for (std::size_t i = 0; i < copies_; ++i) std::memcpy(&all[i * stride_], value, value_size_);
  if (bpf::put(fd_.get(), key, all.data(), flags) == 0) return Put::done;
  if (flags == BPF_NOEXIST && errno == EEXIST) return Put::existing;
  if (says_full(errno)) return Put::full;
  return fail_errno(Exit::bpf, "write an entry of a map");
}

Result<Put> RawMap::put(const void* key, const void* value) const {
  return write(key, value, BPF_ANY);
}

Result<Put> RawMap::add(const void* key, const void* value) const {
  return write(key, value, BPF_NOEXIST);
}

Result<Put> RawMap::put_in_place(const void* key, const void* value) const {
  return write(key, value, BPF_F_LOCK);
}

Result<Put> RawMap::put_all(const void* keys, const void* values, std::size_t count) const {
  if (count == 0) return Put::done;
  const auto wanted = static_cast<std::uint32_t>(count);
  if (bpf::put_all(fd_.get(), keys, values, wanted) == 0) return Put::done;
  // What became of it the kernel does not always tell: each by itself, and one that fails says why.
  for (std::size_t i = 0; i < count; ++i) {
    const Put one = SL_TRY(put(static_cast<const char*>(keys) + i * key_size_,
                               static_cast<const char*>(values) + i * value_size_));
    if (one != Put::done) return one;
  }
  return Put::done;
}

Result<bool> RawMap::take(Batch& batch) const {
  constexpr std::size_t most = 1024;
  if (batch.ended) return false;
  if (batch.keys.empty()) batch.keys.resize(most * key_size_);
  batch.values.resize(batch.keys.size() / key_size_ * value_size_);
  batch.count = static_cast<std::uint32_t>(batch.keys.size() / key_size_);
  const std::uint32_t* const from = batch.begun ? &batch.place : nullptr;
  if (bpf::take_batch(fd_.get(), from, &batch.place, batch.keys.data(), batch.values.data(),
                      batch.count) == 0) {
    batch.begun = true;
    return true;
  }
  if (errno == ENOENT) {
    batch.ended = true;
    return batch.count != 0;
  }
  if (errno != ENOSPC || batch.keys.size() > most * key_size_ * most) {
    return fail_errno(Exit::bpf, "go through a map");
  }
  batch.keys.resize(batch.keys.size() * 2);
  return take(batch);
}

Result<> RawMap::erase(const void* key) const {
  if (bpf::erase(fd_.get(), key) == 0 || errno == ENOENT) return {};
  return fail_errno(Exit::bpf, "remove an entry of a map");
}

Result<bool> RawMap::next(const void* key, void* found) const {
  // To go down a trie takes memory that the kernel may not have at the moment (ENOMEM), which is no
  // end.
  constexpr int attempts = 16;
  for (int i = 1; bpf::next_key(fd_.get(), key, found) != 0; i++) {
    if (errno == ENOENT) return false;
    if (errno != ENOMEM || i == attempts) return fail_errno(Exit::bpf, "go through a map");
    ::sched_yield();
  }
  return true;
}

}  // namespace socklid
