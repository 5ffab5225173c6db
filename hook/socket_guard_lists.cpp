// SPDX-License-Identifier: Apache-2.0
#include "hook/socket_guard_lists.hpp"

#include <bpf/bpf.h>
#include <sched.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hook/socket_guard_maps.hpp"

namespace socklid {
namespace {

/// A trie gives its keys in the order of its branches, from the zero bit on, a node after what is
/// below it (kernel/bpf/lpm_trie.c, trie_get_next_key). So the key that has all its bits, and no
/// bit set after what all keys of a container and generation share, comes before them all. It is
/// added first and removed last; in no list, it names nothing.
template <typename Key>
Key first_key(std::uint64_t cgroup_id, std::uint32_t generation) {
  Key key{};
  key.bits = (sizeof(Key) - sizeof(key.bits)) * 8;
  key.generation = generation;
  key.cgroup_id = cgroup_id;
  return key;
}

/// What fill_lists() writes as the first key's value: how many entries follow, in both tries.
sl_place size_of(const EndpointLists& lists) {
  return {.ports = static_cast<__u32>(lists.ports.size()),
          .bits = static_cast<__u32>(lists.places.size())};
}

/// The key after `key`; false at the end. To go down a trie takes memory that the kernel may not
/// have at the moment (ENOMEM), which is no end.
template <typename Key>
Result<bool> next_key(int map, const Key& key, Key& next) {
  constexpr int attempts = 16;
  for (int i = 1; bpf_map_get_next_key(map, &key, &next) != 0; i++) {
    if (errno == ENOENT) return false;
    if (errno != ENOMEM || i == attempts) {
      return fail_errno(Exit::bpf, "go through the container's endpoint lists");
    }
    ::sched_yield();
  }
  return true;
}

Result<> update(int map, const void* key, const void* value) {
  if (bpf_map_update_elem(map, key, value, BPF_ANY) == 0) return {};
  if (errno == ENOSPC) {
    return fail(Exit::bpf, "the endpoint lists of this node's containers are full (" +
                               std::to_string(SL_TRY(max_entries(map))) +
                               " entries): shorten io.socklid.connect or io.socklid.bind, or stop "
                               "containers that have such lists");
  }
  return fail_errno(Exit::bpf, "write an endpoint list");
}

template <typename Key, typename Value>
Result<> update_all(int map, const std::vector<Key>& keys, const std::vector<Value>& values) {
  if (keys.empty()) return {};
  auto count = static_cast<__u32>(keys.size());
  bpf_map_batch_opts options{};
  options.sz = sizeof(options);
  if (bpf_map_update_batch(map, keys.data(), values.data(), &count, &options) == 0) return {};
  // What became of it `count` does not always tell: each by itself, and one that fails says why.
  for (std::size_t i = 0; i < keys.size(); ++i) SL_CHECK(update(map, &keys[i], &values[i]));
  return {};
}

/// All keys of one container and generation, the first key included; none if that is not there.
template <typename Key>
Result<std::vector<Key>> walk(int map, std::uint64_t cgroup_id, std::uint32_t generation,
                              std::size_t value_size) {
  std::vector<Key> keys;
  if (map < 0) return keys;  // of a build without lists, or with others than ours
  std::vector<char> value(value_size);
  const Key first = first_key<Key>(cgroup_id, generation);
  // A key that is absent would start the walk at the first key of all.
  if (bpf_map_lookup_elem(map, &first, value.data()) != 0) {
    if (errno == ENOENT) return keys;
    return fail_errno(Exit::bpf, "look for the container's endpoint lists");
  }
  keys.push_back(first);
  Key next{};
  while (SL_TRY(next_key(map, keys.back(), next)) && next.cgroup_id == cgroup_id &&
         next.generation == generation) {
    keys.push_back(next);
  }
  return keys;
}

template <typename Key>
Result<> clear(int map, std::uint64_t cgroup_id, std::uint32_t generation, std::size_t value_size) {
  const std::vector<Key> keys = SL_TRY(walk<Key>(map, cgroup_id, generation, value_size));
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    if (bpf_map_delete_elem(map, &*key) != 0 && errno != ENOENT) {
      return fail_errno(Exit::bpf, "remove an endpoint list");
    }
  }
  return {};
}

std::string_view bytes_of(const void* object, std::size_t size) {
  return {static_cast<const char*>(object), size};
}

/// Entries as text that two equal ones share.
using Entries = std::set<std::string, std::less<>>;

/// What is in one of them only.
std::size_t count_differences(const Entries& one, const Entries& other) {
  std::vector<std::string_view> rest;
  std::set_symmetric_difference(one.begin(), one.end(), other.begin(), other.end(),
                                std::back_inserter(rest));
  return rest.size();
}

Result<Entries> found_places(int map, std::uint64_t cgroup_id, std::uint32_t generation) {
  Entries found;
  for (const sl_place_key& key :
       SL_TRY(walk<sl_place_key>(map, cgroup_id, generation, sizeof(sl_place)))) {
    sl_place value{};
    // Its own value: nothing longer than the key itself can match it.
    if (bpf_map_lookup_elem(map, &key, &value) != 0) continue;
    found.insert(std::string(bytes_of(&key, sizeof(key))).append(bytes_of(&value, sizeof(value))));
  }
  return found;
}

Result<Entries> found_ports(int map, std::uint64_t cgroup_id, std::uint32_t generation) {
  Entries found;
  for (const sl_port_key& key :
       SL_TRY(walk<sl_port_key>(map, cgroup_id, generation, sizeof(__u32)))) {
    found.emplace(bytes_of(&key, sizeof(key)));
  }
  return found;
}

Result<> fill(const ListMaps& maps, const EndpointLists& lists, std::uint64_t cgroup_id,
              std::uint32_t generation) {
  const EndpointLists keyed = lists.of(cgroup_id, generation);
  const __u32 present = 1;
  SL_CHECK(mark_lists(maps, lists, cgroup_id, generation));
  std::vector<sl_place_key> keys;
  std::vector<sl_place> values;
  for (const PlaceEntry& entry : keyed.places) {
    keys.push_back(entry.key);
    values.push_back(entry.value);
  }
  // Ports first: a place whose set is missing would name nothing, and that is for nobody to see.
  SL_CHECK(update_all(maps.ports, keyed.ports, std::vector<__u32>(keyed.ports.size(), present)));
  return update_all(maps.places, keys, values);
}

}  // namespace

Result<> fill_lists(const ListMaps& maps, const EndpointLists& lists, std::uint64_t cgroup_id,
                    std::uint32_t generation) {
  if (lists.empty()) return {};
  auto filled = fill(maps, lists, cgroup_id, generation);
  if (filled) return {};
  const auto cleared = clear_lists(maps, cgroup_id, generation);
  if (cleared) return filled;
  return fail(Exit::bpf, filled.error().message +
                             "; what was written is still there: " + cleared.error().message);
}

Result<> clear_lists(const ListMaps& maps, std::uint64_t cgroup_id, std::uint32_t generation) {
  SL_CHECK(clear<sl_place_key>(maps.places, cgroup_id, generation, sizeof(sl_place)));
  return clear<sl_port_key>(maps.ports, cgroup_id, generation, sizeof(__u32));
}

Result<ListSize> size_of_lists(const ListMaps& maps, std::uint64_t cgroup_id) {
  ListSize sum;
  if (maps.places < 0) return sum;
  for (const std::uint32_t generation : {0u, 1u}) {
    const auto first = first_key<sl_place_key>(cgroup_id, generation);
    sl_place size{};
    if (bpf_map_lookup_elem(maps.places, &first, &size) != 0) {
      if (errno == ENOENT) continue;
      return fail_errno(Exit::bpf, "look for the container's endpoint lists");
    }
    // One more of each: the first keys themselves.
    sum.places += size.bits + 1;
    sum.ports += size.ports + 1;
  }
  return sum;
}

Result<std::size_t> count_wrong_entries(const ListMaps& maps, const EndpointLists& lists,
                                        std::uint64_t cgroup_id, std::uint32_t generation) {
  if (lists.empty()) return std::size_t{0};
  const EndpointLists keyed = lists.of(cgroup_id, generation);
  const auto first_place = first_key<sl_place_key>(cgroup_id, generation);
  const auto first_port = first_key<sl_port_key>(cgroup_id, generation);
  Entries places;
  const auto add_place = [&places](const sl_place_key& key, const sl_place& value) {
    places.insert(std::string(bytes_of(&key, sizeof(key))).append(bytes_of(&value, sizeof(value))));
  };
  add_place(first_place, size_of(lists));
  for (const PlaceEntry& entry : keyed.places) add_place(entry.key, entry.value);
  Entries ports;
  ports.emplace(bytes_of(&first_port, sizeof(first_port)));
  for (const sl_port_key& key : keyed.ports) ports.emplace(bytes_of(&key, sizeof(key)));
  return count_differences(places, SL_TRY(found_places(maps.places, cgroup_id, generation))) +
         count_differences(ports, SL_TRY(found_ports(maps.ports, cgroup_id, generation)));
}

Result<> mark_lists(const ListMaps& maps, const EndpointLists& lists, std::uint64_t cgroup_id,
                    std::uint32_t generation) {
  const sl_place size = size_of(lists);
  const __u32 present = 1;
  const auto first_place = first_key<sl_place_key>(cgroup_id, generation);
  const auto first_port = first_key<sl_port_key>(cgroup_id, generation);
  SL_CHECK(update(maps.places, &first_place, &size));
  return update(maps.ports, &first_port, &present);
}

}  // namespace socklid
