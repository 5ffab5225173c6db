// SPDX-License-Identifier: Apache-2.0
#include "store/policy_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <string_view>

#include "base/json.hpp"
#include "base/text.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

constexpr std::string_view record_suffix = ".json";
constexpr std::string_view staging_prefix = "staging_";
/// 0.1.0 wrote annotations into records: 200 KiB of them, each byte six when it is escaped.
constexpr std::size_t document_limit = std::size_t{16} * 1024 * 1024;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::string record_name(const std::string& key) {
  return key + std::string(record_suffix);
}
std::string staging_name(const std::string& key) {
  return std::string(staging_prefix) + key;
}
std::string records_path(const Paths& paths) {
  return paths.run + "/containers";
}
std::string pins_path(const Paths& paths) {
  return paths.bpffs + "/containers";
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

std::optional<std::string> text_of(const std::string& path) {
  auto text = read_file(AT_FDCWD, path, Exit::store, document_limit);
  return text ? std::optional(std::move(*text)) : std::nullopt;
}

std::optional<std::string> key_in(std::string_view name) {
  if (!name.ends_with(record_suffix)) return std::nullopt;
  std::string key(name.substr(0, name.size() - record_suffix.size()));
  return parse_key(key) ? std::optional(std::move(key)) : std::nullopt;
}

/// What stands in the file, if it belongs to this key.
std::optional<Record> read_record(const Paths& paths, const std::string& key) {
  const auto text = text_of(records_path(paths) + "/" + record_name(key));
  if (!text) return std::nullopt;
  auto record = parse_record(*text);
  if (!record || key_of(record->id, record->cgroup_id) != key) return std::nullopt;
  return std::move(*record);
}

/// Whether nobody has the file locked, who would live; and its name was not taken away since.
bool is_abandoned(const UniqueFd& file) {
  struct stat status {};
  return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0 && ::fstat(file.get(), &status) == 0 &&
         status.st_nlink > 0;
}

/// At most `count` more names of records into `keys`; whether the directory's end was reached.
bool take_keys(DIR* directory, std::size_t count, std::vector<std::string>& keys) {
  while (keys.size() < count) {
    const dirent* entry = ::readdir(directory);
    if (entry == nullptr) return true;
    if (auto key = key_in(entry->d_name)) keys.push_back(std::move(*key));
  }
  return false;
}

}  // namespace

Result<PolicyStore> PolicyStore::open(const Paths& paths) {
  PolicyStore store(paths);
  store.run_ = SL_TRY(make_directory(paths.run));
  store.new_ = SL_TRY(make_directory(paths.run + "/new"));
  store.records_ = SL_TRY(make_directory(records_path(paths)));
  store.details_ = SL_TRY(make_directory(paths.run + "/details"));
  store.intents_ = SL_TRY(make_directory(paths.run + "/intents"));
  store.slow_ = SL_TRY(make_directory(paths.run + "/slow"));
  store.bpffs_ = SL_TRY(make_directory(paths.bpffs));
  store.pins_ = SL_TRY(make_directory(pins_path(paths)));
  if (!exists(store.run_.get(), "index")) SL_CHECK(store.make_index());
  return store;
}

StoreEntry PolicyStore::entry(const Paths& paths, const std::string& key) {
  StoreEntry entry;
  entry.key = key;
  entry.parts = parse_key(key).value_or(StoreKey{});
  entry.record = read_record(paths, key);
  entry.recorded = ::access((records_path(paths) + "/" + record_name(key)).c_str(), F_OK) == 0;
  entry.pinned = ::access((pins_path(paths) + "/" + key).c_str(), F_OK) == 0;
  return entry;
}

Result<std::vector<StoreEntry>> PolicyStore::list(const Paths& paths) {
  std::set<std::string> keys;
  if (const UniqueFd records = SL_TRY(open_if_there(records_path(paths)))) {
    for (const std::string& name : SL_TRY(list_directory(records.get()))) {
      if (auto key = key_in(name)) keys.insert(std::move(*key));
    }
  }
  if (const UniqueFd pins = SL_TRY(open_if_there(pins_path(paths)))) {
    for (const std::string& key : SL_TRY(list_directory(pins.get()))) {
      if (parse_key(key)) keys.insert(key);
    }
  }
  std::vector<StoreEntry> entries;
  for (const std::string& key : keys) entries.push_back(entry(paths, key));
  return entries;
}

namespace {

/// Before the first run after 0.1.0 has made one.
Result<std::vector<StoreEntry>> find_without_index(const Paths& paths, IndexBy by,
                                                   const std::string& value) {
  std::vector<StoreEntry> entries = SL_TRY(PolicyStore::list(paths));
  std::erase_if(entries, [&](const StoreEntry& entry) {
    switch (by) {
      case IndexBy::id:
        return entry.parts.encoded_id != value;
      case IndexBy::cgroup:
        return index_value(entry.parts.cgroup_id) != value;
      case IndexBy::netns:
        break;
    }
    return !entry.record || !entry.record->rules || index_value(entry.record->netns) != value;
  });
  return entries;
}

}  // namespace

Result<std::vector<StoreEntry>> PolicyStore::find(const Paths& paths, IndexBy by,
                                                  const std::string& value) {
  std::vector<StoreEntry> entries;
  const std::string index = paths.run + "/index";
  if (::access(index.c_str(), F_OK) != 0) return find_without_index(paths, by, value);
  for (const std::string& key : SL_TRY(StoreIndex(index).keys(by, value))) {
    if (!parse_key(key)) continue;
    StoreEntry found = entry(paths, key);
    if (found.recorded || found.pinned) entries.push_back(std::move(found));
  }
  return entries;
}

Result<std::optional<View>> PolicyStore::view(const Paths& paths) {
  const auto text = text_of(paths.run + "/view.json");
  if (!text) return std::optional<View>{};
  const auto value = json::parse(*text);
  const auto view = value ? parse_view(*value) : Result<View>(Failure(value.error()));
  if (!view) {
    return fail(Exit::store, paths.run, "/view.json does not read: `socklid load` writes it anew");
  }
  return std::optional<View>{*view};
}

Result<Details> PolicyStore::details(const Paths& paths, const std::string& key) {
  if (const auto text = text_of(paths.run + "/details/" + record_name(key))) {
    return parse_details(*text);
  }
  const auto text = text_of(records_path(paths) + "/" + record_name(key));
  if (!text) return fail(Exit::store, "no record of ", key);
  return parse_details(*text);
}

Result<PolicyStore::Stretch> PolicyStore::next(const Paths& paths, std::size_t count) {
  Stretch stretch;
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(records_path(paths).c_str()));
  if (!directory && errno == ENOENT) return stretch;
  if (!directory) return fail_errno(Exit::store, "open " + records_path(paths));
  if (const auto cursor = text_of(paths.run + "/cursor")) {
    const auto from = parse_number<std::int64_t>(trimmed(*cursor)).value_or(0);
    if (from > 0) ::seekdir(directory.get(), from);
  }
  if (take_keys(directory.get(), count, stretch.keys)) {
    ::rewinddir(directory.get());
    (void)take_keys(directory.get(), count, stretch.keys);
  }
  stretch.end = ::telldir(directory.get());
  // A short directory is gone round more than once.
  std::set<std::string> seen;
  std::erase_if(stretch.keys, [&](const std::string& key) { return !seen.insert(key).second; });
  return stretch;
}

Result<> PolicyStore::move_on(const Stretch& stretch) const {
  return write(run_.get(), "cursor", std::to_string(stretch.end));
}

Result<> PolicyStore::take_view(const View& view) const {
  return write(run_.get(), "view.json", json::to_string(to_value(view)) + "\n");
}

Result<std::vector<Intent>> PolicyStore::intents() const {
  std::vector<Intent> found;
  for (const std::string& name : SL_TRY(list_directory(intents_.get()))) {
    const auto key = key_in(name);
    const std::string path = paths_.run + "/intents/" + name;
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    const auto text = file && key ? text_of(path) : std::nullopt;
    auto record = text ? parse_record(*text) : Result<Record>(fail(Exit::store, "unreadable"));
    if (!record || key_of(record->id, record->cgroup_id) != *key) continue;
    found.push_back({.record = std::move(*record), .in_flight = !is_abandoned(file)});
  }
  return found;
}

Result<UniqueFd> PolicyStore::begin(const Record& wanted) const {
  const std::string name = record_name(key_of(wanted.id, wanted.cgroup_id));
  SL_CHECK(write(intents_.get(), name, to_json(wanted)));
  UniqueFd file(::openat(intents_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    auto error = fail_errno(Exit::store, "lock " + paths_.run + "/intents/" + name);
    (void)remove_file(intents_.get(), name);
    return error;
  }
  return file;
}

Result<> PolicyStore::end(const std::string& key) const {
  return remove_file(intents_.get(), record_name(key));
}

Result<> PolicyStore::keep_unpinned(const Record& record) const {
  SL_CHECK(index_.add(record));
  return write(records_.get(), record_name(key_of(record.id, record.cgroup_id)), to_json(record));
}

bool PolicyStore::is_slow(std::uint64_t netns) const {
  return exists(slow_.get(), index_value(netns));
}

Result<> PolicyStore::set_slow(std::uint64_t netns, bool slow) const {
  const std::string name = index_value(netns);
  return slow ? write(slow_.get(), name, "") : remove_file(slow_.get(), name);
}

Result<> PolicyStore::forget_slow() const {
  for (const std::string& name : SL_TRY(list_directory(slow_.get()))) {
    SL_CHECK(remove_file(slow_.get(), name));
  }
  return {};
}

Result<std::string> PolicyStore::stage(const std::string& key) const {
  SL_CHECK(unstage(key));
  const std::string name = staging_name(key);
  if (::mkdirat(bpffs_.get(), name.c_str(), 0700) != 0) {
    return fail_errno(Exit::store, "make directory " + paths_.bpffs + "/" + name);
  }
  return paths_.bpffs + "/" + name;
}

Result<> PolicyStore::unstage(const std::string& key) const {
  return remove_directory(bpffs_.get(), staging_name(key));
}

Result<> PolicyStore::publish(const Saved& wanted) const {
  const std::string key = key_of(wanted.record.id, wanted.record.cgroup_id);
  const std::optional<Saved> previous = saved(key);
  const auto netns =
      wanted.record.rules ? std::optional(wanted.record.netns) : std::optional<std::uint64_t>{};
  const auto back = [&](Failure error) {
    (void)(previous ? put(*previous) : erase(key, netns));
    return error;
  };
  if (auto done = put(wanted); !done) return back(Failure(done.error()));
  const std::string staging = staging_name(key);
  const auto rename = [&](unsigned flags) {
    return ::renameat2(bpffs_.get(), staging.c_str(), pins_.get(), key.c_str(), flags);
  };
  // bpffs knows both flags (simple_rename() in fs/libfs.c; the kernel's own
  // tools/testing/selftests/bpf/prog_tests/test_bpffs.c tries both).
  if (rename(RENAME_NOREPLACE) == 0) return {};
  if (errno == EEXIST && rename(RENAME_EXCHANGE) == 0) return {};
  return back(fail_errno(Exit::store, "publish " + pins_path(paths_) + "/" + key));
}

Result<> PolicyStore::withdraw(const std::string& key, const std::optional<Saved>& previous) const {
  const std::string staging = staging_name(key);
  if (exists(bpffs_.get(), staging)) {
    if (::renameat2(bpffs_.get(), staging.c_str(), pins_.get(), key.c_str(), RENAME_EXCHANGE) !=
        0) {
      return fail_errno(Exit::store, "exchange " + pins_path(paths_) + "/" + key);
    }
  } else {
    SL_CHECK(unpin(key));
  }
  return previous ? put(*previous) : erase(key);
}

Result<> PolicyStore::unpin(const std::string& key) const {
  return remove_directory(pins_.get(), key);
}

bool PolicyStore::is_pinned(const std::string& key) const {
  return exists(pins_.get(), key);
}

Result<> PolicyStore::erase(const std::string& key, std::optional<std::uint64_t> netns) const {
  const std::optional<Record> record = read_record(paths_, key);
  if (record && record->rules) netns = record->netns;
  SL_CHECK(remove_file(details_.get(), record_name(key)));
  SL_CHECK(remove_file(records_.get(), record_name(key)));
  const std::optional<StoreKey> parts = parse_key(key);
  return parts ? index_.remove(key, *parts, netns) : Result<>{};
}

Result<> PolicyStore::sweep() const {
  for (const std::string& name : SL_TRY(list_directory(bpffs_.get()))) {
    if (name.starts_with(staging_prefix)) SL_CHECK(remove_directory(bpffs_.get(), name));
  }
  for (const std::string& name : SL_TRY(list_directory(new_.get()))) {
    SL_CHECK(remove_tree(new_.get(), name));
  }
  return {};
}

Result<> PolicyStore::write(int directory, const std::string& name,
                            std::string_view content) const {
  return write_file_atomically(new_.get(), directory, name, content);
}

Result<> PolicyStore::put(const Saved& saved) const {
  const std::string name = record_name(key_of(saved.record.id, saved.record.cgroup_id));
  SL_CHECK(index_.add(saved.record));
  SL_CHECK(write(details_.get(), name, to_json(saved.details)));
  return write(records_.get(), name, to_json(saved.record));
}

std::optional<Saved> PolicyStore::saved(const std::string& key) const {
  const auto record = read_record(paths_, key);
  if (!record) return std::nullopt;
  return Saved{*record, PolicyStore::details(paths_, key).value_or(Details{})};
}

/// Built aside and renamed: an index is whole or not there.
Result<> PolicyStore::make_index() const {
  const std::string aside = paths_.run + "/new/index";
  SL_CHECK(remove_tree(new_.get(), "index"));
  SL_CHECK(make_directory(aside));
  const StoreIndex index(aside);
  for (const StoreEntry& entry : SL_TRY(list(paths_))) {
    if (entry.record) SL_CHECK(convert(entry, index));
  }
  if (::renameat(new_.get(), "index", run_.get(), "index") != 0) {
    return fail_errno(Exit::store, "rename " + aside);
  }
  return {};
}

/// Of 0.1.0's one document two are made.
Result<> PolicyStore::convert(const StoreEntry& entry, const StoreIndex& index) const {
  SL_CHECK(index.add(*entry.record));
  const std::string name = record_name(entry.key);
  if (exists(details_.get(), name)) return {};
  const auto details = PolicyStore::details(paths_, entry.key);
  if (!details) return {};
  SL_CHECK(write(details_.get(), name, to_json(*details)));
  return write(records_.get(), name, to_json(*entry.record));
}

}  // namespace socklid
