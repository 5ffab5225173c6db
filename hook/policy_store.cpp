// SPDX-License-Identifier: Apache-2.0
#include "hook/policy_store.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <map>
#include <string_view>

#include "hook/files.hpp"

namespace socklid {
namespace {

constexpr std::string_view record_suffix = ".json";
constexpr std::string_view staging_prefix = "staging_";

std::string record_name(const std::string& key) {
  return key + std::string(record_suffix);
}
std::string staging_name(const std::string& key) {
  return std::string(staging_prefix) + key;
}

bool exists(int directory, const std::string& name) {
  return ::faccessat(directory, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/// Invalid if there is no such directory.
Result<UniqueFd> open_if_there(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!directory && errno != ENOENT) return fail_errno(Exit::store, "open " + path);
  return directory;
}

/// The entry of `key` in `entries`, made if need be.
StoreEntry& entry_of(std::map<std::string, StoreEntry>& entries, const std::string& key,
                     const StoreKey& parts) {
  StoreEntry& entry = entries[key];
  entry.key = key;
  entry.parts = parts;
  return entry;
}

/// What stands in the file, if it belongs to this key.
std::optional<Record> read_record(int records, const std::string& key) {
  const auto text = read_file(records, record_name(key), Exit::store);
  if (!text) return std::nullopt;
  auto record = parse_record(*text);
  if (!record || key_of(record->id, record->cgroup_id) != key) return std::nullopt;
  return std::move(*record);
}

}  // namespace

Result<> check_bpffs(const Paths& paths) {
  struct statfs filesystem {};
  if (::statfs(paths.bpffs_mount.c_str(), &filesystem) == 0 &&
      filesystem.f_type == static_cast<decltype(filesystem.f_type)>(BPF_FS_MAGIC)) {
    return {};
  }
  return fail(Exit::node,
              "no bpffs at " + paths.bpffs_mount + ": mount -t bpf bpf " + paths.bpffs_mount);
}

Result<PolicyStore> PolicyStore::open(const Paths& paths) {
  PolicyStore store;
  store.bpffs_ = paths.bpffs;
  store.records_ = SL_TRY(make_directory(paths.run + "/containers"));
  store.bpffs_directory_ = SL_TRY(make_directory(paths.bpffs));
  store.pins_ = SL_TRY(make_directory(paths.bpffs + "/containers"));
  return store;
}

Result<std::vector<StoreEntry>> PolicyStore::list(const Paths& paths) {
  std::map<std::string, StoreEntry> entries;
  const UniqueFd records = SL_TRY(open_if_there(paths.run + "/containers"));
  if (records) {
    for (const std::string& name : SL_TRY(list_directory(records.get()))) {
      if (!name.ends_with(record_suffix)) continue;
      const std::string key = name.substr(0, name.size() - record_suffix.size());
      const auto parts = parse_key(key);
      if (!parts) continue;
      StoreEntry& entry = entry_of(entries, key, *parts);
      entry.recorded = true;
      entry.record = read_record(records.get(), key);
    }
  }
  const UniqueFd pins = SL_TRY(open_if_there(paths.bpffs + "/containers"));
  if (pins) {
    for (const std::string& key : SL_TRY(list_directory(pins.get()))) {
      const auto parts = parse_key(key);
      if (parts) entry_of(entries, key, *parts).pinned = true;
    }
  }
  std::vector<StoreEntry> result;
  for (auto& [key, entry] : entries) result.push_back(std::move(entry));
  return result;
}

Result<std::string> PolicyStore::stage(const std::string& key) const {
  SL_CHECK(unstage(key));
  const std::string name = staging_name(key);
  if (::mkdirat(bpffs_directory_.get(), name.c_str(), 0700) != 0) {
    return fail_errno(Exit::store, "make directory " + bpffs_ + "/" + name);
  }
  return bpffs_ + "/" + name;
}

Result<> PolicyStore::unstage(const std::string& key) const {
  return remove_directory(bpffs_directory_.get(), staging_name(key));
}

Result<> PolicyStore::publish(const Record& record) const {
  const std::string key = key_of(record.id, record.cgroup_id);
  const std::optional<Record> previous = read_record(records_.get(), key);
  SL_CHECK(replace_record(key, record));
  const std::string staging = staging_name(key);
  const auto rename = [&](unsigned flags) {
    return ::renameat2(bpffs_directory_.get(), staging.c_str(), pins_.get(), key.c_str(), flags);
  };
  // bpffs knows both flags (simple_rename() in fs/libfs.c; the kernel's own
  // tools/testing/selftests/bpf/prog_tests/test_bpffs.c tries both).
  if (rename(RENAME_NOREPLACE) == 0) return {};
  if (errno == EEXIST && rename(RENAME_EXCHANGE) == 0) return {};
  const int error = errno;
  (void)replace_record(key, previous);
  return fail_errno(Exit::store, "publish " + bpffs_ + "/containers/" + key, error);
}

Result<> PolicyStore::withdraw(const std::string& key,
                               const std::optional<Record>& previous) const {
  const std::string staging = staging_name(key);
  if (exists(bpffs_directory_.get(), staging)) {
    if (::renameat2(bpffs_directory_.get(), staging.c_str(), pins_.get(), key.c_str(),
                    RENAME_EXCHANGE) != 0) {
      return fail_errno(Exit::store, "exchange " + bpffs_ + "/containers/" + key);
    }
  } else {
    SL_CHECK(unpin(key));
  }
  return replace_record(key, previous);
}

Result<> PolicyStore::unpin(const std::string& key) const {
  return remove_directory(pins_.get(), key);
}

Result<> PolicyStore::erase(const std::string& key) const {
  return remove_file(records_.get(), record_name(key));
}

Result<> PolicyStore::sweep() const {
  for (const std::string& name : SL_TRY(list_directory(bpffs_directory_.get()))) {
    if (name.starts_with(staging_prefix)) {
      SL_CHECK(remove_directory(bpffs_directory_.get(), name));
    }
  }
  for (const std::string& name : SL_TRY(list_directory(records_.get()))) {
    if (!name.ends_with(record_suffix)) SL_CHECK(remove_file(records_.get(), name));
  }
  return {};
}

Result<> PolicyStore::replace_record(const std::string& key,
                                     const std::optional<Record>& record) const {
  if (!record) return erase(key);
  return write_file_atomically(records_.get(), record_name(key), to_json(*record));
}

}  // namespace socklid
