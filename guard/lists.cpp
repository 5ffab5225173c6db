// SPDX-License-Identifier: Apache-2.0
#include "guard/lists.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "guard/maps.hpp"

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
sl_prefix size_of(const EndpointLists& lists) {
  return {.ports = static_cast<__u32>(lists.ports.size()),
          .bits = static_cast<__u32>(lists.prefixes.size())};
}

Result<> check(const Result<Put>& written, std::uint32_t max_entries) {
  if (!written) return wrap("write an endpoint list", written.error());
  if (*written != Put::full) return {};
  return fail(Exit::bpf, "the endpoint lists of this node's containers are full (", max_entries,
              " entries): shorten io.socklid.connect or io.socklid.bind, or stop containers that "
              "have such lists");
}

Result<> in_context(const Result<>& done, std::string_view what) {
  return done ? done : wrap(what, done.error());
}

/// All keys of one container and generation, the first key included; none if that is not there.
template <typename Key, typename Value>
Result<std::vector<Key>> walk(const BpfMap<Key, Value>& map, std::uint64_t cgroup_id,
                              std::uint32_t generation) {
  std::vector<Key> keys;
  const Key first = first_key<Key>(cgroup_id, generation);
  // A key that is absent would start the walk at the first key of all.
  if (!SL_TRY(map.find(first))) return keys;
  keys.push_back(first);
  while (const auto next = SL_TRY(map.next(keys.back()))) {
    if (next->cgroup_id != cgroup_id || next->generation != generation) break;
    keys.push_back(*next);
  }
  return keys;
}

template <typename Key, typename Value>
Result<> clear(const BpfMap<Key, Value>& map, std::uint64_t cgroup_id, std::uint32_t generation) {
  const std::vector<Key> keys = SL_TRY(walk(map, cgroup_id, generation));
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) SL_CHECK(map.erase(*key));
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

Result<Entries> found_prefixes(const ListMaps& maps, std::uint64_t cgroup_id,
                               std::uint32_t generation) {
  Entries found;
  for (const sl_prefix_key& key : SL_TRY(walk(maps.prefixes, cgroup_id, generation))) {
    // Its own value: nothing longer than the key itself can match it.
    const auto value = SL_TRY(maps.prefixes.find(key));
    if (!value) continue;
    found.insert(
        std::string(bytes_of(&key, sizeof(key))).append(bytes_of(&*value, sizeof(*value))));
  }
  return found;
}

Result<Entries> found_ports(const ListMaps& maps, std::uint64_t cgroup_id,
                            std::uint32_t generation) {
  Entries found;
  for (const sl_port_key& key : SL_TRY(walk(maps.ports, cgroup_id, generation))) {
    found.emplace(bytes_of(&key, sizeof(key)));
  }
  return found;
}

Result<> fill(const ListMaps& maps, const EndpointLists& lists, std::uint64_t cgroup_id,
              std::uint32_t generation) {
  const EndpointLists keyed = lists.of(cgroup_id, generation);
  const __u32 present = 1;
  SL_CHECK(mark_lists(maps, lists, cgroup_id, generation));
  std::vector<sl_prefix_key> keys;
  std::vector<sl_prefix> values;
  for (const PrefixEntry& entry : keyed.prefixes) {
    keys.push_back(entry.key);
    values.push_back(entry.value);
  }
  // Ports first: a prefix whose set is missing would name nothing, and that is for nobody to see.
  SL_CHECK(check(maps.ports.put_all(keyed.ports, std::vector<__u32>(keyed.ports.size(), present)),
                 maps.ports.max_entries()));
  return check(maps.prefixes.put_all(keys, values), maps.prefixes.max_entries());
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
  constexpr std::string_view what = "remove an endpoint list";
  SL_CHECK(in_context(clear(maps.prefixes, cgroup_id, generation), what));
  return in_context(clear(maps.ports, cgroup_id, generation), what);
}

Result<ListSize> size_of_lists(const ListMaps& maps, std::uint64_t cgroup_id) {
  ListSize sum;
  for (const std::uint32_t generation : {0u, 1u}) {
    const auto size = SL_TRY(maps.prefixes.find(first_key<sl_prefix_key>(cgroup_id, generation)));
    if (!size) continue;
    // One more of each: the first keys themselves.
    sum.prefixes += size->bits + 1;
    sum.ports += size->ports + 1;
  }
  return sum;
}

Result<std::size_t> count_wrong_entries(const ListMaps& maps, const EndpointLists& lists,
                                        std::uint64_t cgroup_id, std::uint32_t generation) {
  if (lists.empty()) return std::size_t{0};
  const EndpointLists keyed = lists.of(cgroup_id, generation);
  const auto first_port = first_key<sl_port_key>(cgroup_id, generation);
  Entries prefixes;
  const auto add_prefix = [&prefixes](const sl_prefix_key& key, const sl_prefix& value) {
    prefixes.insert(
        std::string(bytes_of(&key, sizeof(key))).append(bytes_of(&value, sizeof(value))));
  };
  add_prefix(first_key<sl_prefix_key>(cgroup_id, generation), size_of(lists));
  for (const PrefixEntry& entry : keyed.prefixes) add_prefix(entry.key, entry.value);
  Entries ports;
  ports.emplace(bytes_of(&first_port, sizeof(first_port)));
  for (const sl_port_key& key : keyed.ports) ports.emplace(bytes_of(&key, sizeof(key)));
  return count_differences(prefixes, SL_TRY(found_prefixes(maps, cgroup_id, generation))) +
         count_differences(ports, SL_TRY(found_ports(maps, cgroup_id, generation)));
}

Result<> mark_lists(const ListMaps& maps, const EndpointLists& lists, std::uint64_t cgroup_id,
                    std::uint32_t generation) {
  const __u32 present = 1;
  const auto first_prefix = first_key<sl_prefix_key>(cgroup_id, generation);
  const auto first_port = first_key<sl_port_key>(cgroup_id, generation);
  SL_CHECK(check(maps.prefixes.put(first_prefix, size_of(lists)), maps.prefixes.max_entries()));
  return check(maps.ports.put(first_port, present), maps.ports.max_entries());
}

}  // namespace socklid
