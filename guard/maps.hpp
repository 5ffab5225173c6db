// SPDX-License-Identifier: Apache-2.0
//
// BpfMap<Key, Value>: a map as it is found pinned on bpffs. A map of another build may be missing,
// or have keys and values of other sizes than ours. The kernel copies as many bytes as the map
// says, so everything is read by the map's own sizes.
//
//   using Seals = BpfMap<std::uint64_t, sl_seal>;
//   const Seals seals = SL_TRY(Seals::find(path));      // as if it were empty: not there
//   const auto seal = SL_TRY(seals.find(cgroup_id));    // nothing: no such entry
//   if (SL_TRY(seals.put(cgroup_id, *seal)) == Put::full) ...
//   SL_CHECK(seals.erase(cgroup_id));
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace socklid {

[[nodiscard]] Result<UniqueFd> get_pin(const std::string& path);

/// The result of writing an entry.
enum class Put {
  done,
  existing,  ///< add() only: there was one, which stays
  full,      ///< the map has as many entries as it can have
};

/// A map by its descriptor, with keys and values as bytes. Errors of all: Exit::bpf.
class RawMap {
 public:
  RawMap() = default;
  /// As if it were empty if nothing is pinned at `path`.
  [[nodiscard]] static Result<RawMap> find(const std::string& path);
  [[nodiscard]] static Result<RawMap> of(UniqueFd map);

  explicit operator bool() const { return static_cast<bool>(fd_); }
  [[nodiscard]] std::uint32_t key_size() const { return key_size_; }
  /// The size of one value, on one CPU.
  [[nodiscard]] std::uint32_t value_size() const { return value_size_; }
  [[nodiscard]] std::uint32_t max_entries() const { return max_entries_; }

  /// The values of `key`, of a per-CPU map one for each possible CPU; none if there is no entry.
  [[nodiscard]] Result<std::vector<std::vector<char>>> find(const void* key) const;
  /// Writes `value`, which has value_size() bytes, on each CPU.
  [[nodiscard]] Result<Put> put(const void* key, const void* value) const;
  /// The same, where there is no entry.
  [[nodiscard]] Result<Put> add(const void* key, const void* value) const;
  /// Writes over the entry that is there, which must have a spin lock (BPF_F_LOCK): whoever reads
  /// it goes on to, and the kernel needs no memory for it.
  [[nodiscard]] Result<Put> put_in_place(const void* key, const void* value) const;
  /// Writes `count` entries, each replacing what is there. Not for per-CPU maps.
  [[nodiscard]] Result<Put> put_all(const void* keys, const void* values, std::size_t count) const;
  /// Absent is done (I7).
  [[nodiscard]] Result<> erase(const void* key) const;
  /// The key after `key`, or the first one after nullptr, into `found`; false at the end. After a
  /// key that has gone meanwhile the walk begins anew.
  [[nodiscard]] Result<bool> next(const void* key, void* found) const;
  /// All entries of a hash that is not per CPU, many at a time: calls visit(key, value). What comes
  /// or goes meanwhile may be left out.
  template <typename Visit>
  [[nodiscard]] Result<> for_each(Visit visit) const {
    Batch batch;
    while (SL_TRY(take(batch))) {
      for (std::size_t i = 0; i < batch.count; i++) {
        visit(&batch.keys[i * key_size_], &batch.values[i * value_size_]);
      }
    }
    return {};
  }

 private:
  struct Batch {
    std::vector<char> keys, values;
    std::uint32_t count{0};  ///< of entries in them
    std::uint32_t place{0};  ///< where the next ones begin
    bool begun{false};
    bool ended{false};
  };
  /// False after the last.
  [[nodiscard]] Result<bool> take(Batch& batch) const;
  [[nodiscard]] Result<Put> write(const void* key, const void* value, std::uint64_t flags) const;

  UniqueFd fd_;
  std::uint32_t key_size_{0};
  std::uint32_t value_size_{0};
  std::uint32_t max_entries_{0};
  std::size_t stride_{0};  ///< bytes from one CPU's value to the next one's
  std::size_t copies_{1};  ///< of each value: one for each possible CPU, or 1
};

template <typename Key, typename Value>
class BpfMap {
 public:
  BpfMap() = default;
  /// As if it were empty if there is none, or one whose keys have another size than ours. What
  /// another build's value lacks is zero.
  [[nodiscard]] static Result<BpfMap> find(const std::string& path) {
    BpfMap map(SL_TRY(RawMap::find(path)));
    if (map.raw_.key_size() != sizeof(Key)) map = {};
    return map;
  }
  /// The same, if its values have our size too: for one that is walked and written.
  [[nodiscard]] static Result<BpfMap> find_same(const std::string& path) {
    BpfMap map = SL_TRY(find(path));
    if (map.raw_.value_size() != sizeof(Value)) map = {};
    return map;
  }
  /// One of this build.
  [[nodiscard]] static Result<BpfMap> of(UniqueFd fd) {
    BpfMap map(SL_TRY(RawMap::of(std::move(fd))));
    if (map.raw_.key_size() == sizeof(Key) && map.raw_.value_size() == sizeof(Value)) return map;
    return fail(Exit::bpf, "a map of this build has another layout than its programs'");
  }

  explicit operator bool() const { return static_cast<bool>(raw_); }
  [[nodiscard]] std::uint32_t max_entries() const { return raw_.max_entries(); }

  /// Nothing if there is no entry. Of a per-CPU map the first CPU's.
  [[nodiscard]] Result<std::optional<Value>> find(const Key& key) const {
    const std::vector<Value> values = SL_TRY(find_all(key));
    return values.empty() ? std::optional<Value>() : std::optional<Value>(values.front());
  }
  /// One for each CPU; none if there is no entry.
  [[nodiscard]] Result<std::vector<Value>> find_all(const Key& key) const {
    std::vector<Value> values;
    if (!raw_) return values;
    for (const std::vector<char>& bytes : SL_TRY(raw_.find(&key))) {
      std::memcpy(&values.emplace_back(), bytes.data(), std::min(sizeof(Value), bytes.size()));
    }
    return values;
  }
  [[nodiscard]] Result<Put> put(const Key& key, const Value& value) const {
    SL_CHECK(check_writable());
    return raw_.put(&key, &value);
  }
  [[nodiscard]] Result<Put> add(const Key& key, const Value& value) const {
    SL_CHECK(check_writable());
    return raw_.add(&key, &value);
  }
  [[nodiscard]] Result<Put> put_in_place(const Key& key, const Value& value) const {
    SL_CHECK(check_writable());
    return raw_.put_in_place(&key, &value);
  }
  /// As many keys as values.
  [[nodiscard]] Result<Put> put_all(const std::vector<Key>& keys,
                                    const std::vector<Value>& values) const {
    SL_CHECK(check_writable());
    return raw_.put_all(keys.data(), values.data(), keys.size());
  }
  [[nodiscard]] Result<> erase(const Key& key) const {
    return raw_ ? raw_.erase(&key) : Result<>();
  }
  /// Nothing at the end; see RawMap::next().
  [[nodiscard]] Result<std::optional<Key>> next(const std::optional<Key>& key) const {
    Key next{};
    if (!raw_ || !SL_TRY(raw_.next(key ? &*key : nullptr, &next))) return std::optional<Key>();
    return std::optional<Key>(next);
  }
  /// Calls `visit` with each key, perhaps with some twice.
  template <typename Visit>
  [[nodiscard]] Result<> for_each_key(Visit visit) const {
    for (auto key = SL_TRY(next({})); key; key = SL_TRY(next(key))) visit(*key);
    return {};
  }
  /// Calls `visit` with each key and value; of one found by find_same(), see RawMap::for_each().
  template <typename Visit>
  [[nodiscard]] Result<> for_each(Visit visit) const {
    if (!raw_) return {};
    SL_CHECK(check_writable());
    return raw_.for_each([&visit](const char* key_bytes, const char* value_bytes) {
      Key key{};
      Value value{};
      std::memcpy(&key, key_bytes, sizeof(key));
      std::memcpy(&value, value_bytes, sizeof(value));
      visit(key, value);
    });
  }

 private:
  explicit BpfMap(RawMap raw) : raw_(std::move(raw)) {}
  [[nodiscard]] Result<> check_writable() const {
    if (raw_ && raw_.value_size() == sizeof(Value)) return {};
    return fail(Exit::bpf, "write to a map that another build has laid out");
  }

  RawMap raw_;
};

}  // namespace socklid
