// SPDX-License-Identifier: Apache-2.0
#include "store/index.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "system/files.hpp"

namespace socklid {
namespace {

std::string_view name_of(IndexBy by) {
  switch (by) {
    case IndexBy::id:
      return "id";
    case IndexBy::cgroup:
      return "cgroup";
    case IndexBy::netns:
      break;
  }
  return "netns";
}

Result<> touch(const std::string& directory, const std::string& name) {
  const UniqueFd parent = SL_TRY(make_directory(directory));
  const UniqueFd file(
      ::openat(parent.get(), name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail_errno(Exit::store, "create " + directory + "/" + name);
  return {};
}

}  // namespace

std::string index_value(std::uint64_t number) {
  return std::to_string(number);
}

std::string StoreIndex::path(IndexBy by, const std::string& value) const {
  return std::string(directory_).append("/").append(name_of(by)).append("/").append(value);
}

Result<std::vector<std::string>> StoreIndex::keys(IndexBy by, const std::string& value) const {
  const std::string directory = path(by, value);
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT) return std::vector<std::string>{};
  if (!fd) return fail_errno(Exit::store, "open " + directory);
  return list_directory(fd.get());
}

Result<> StoreIndex::add(const Record& record) const {
  const std::string key = key_of(record.id, record.cgroup_id);
  SL_CHECK(touch(path(IndexBy::id, encode_id(record.id)), key));
  SL_CHECK(touch(path(IndexBy::cgroup, index_value(record.cgroup_id)), key));
  if (!record.rules) return {};
  return touch(path(IndexBy::netns, index_value(record.netns)), key);
}

Result<> StoreIndex::remove(const std::string& key, const StoreKey& parts,
                            std::optional<std::uint64_t> netns) const {
  SL_CHECK(remove(IndexBy::id, parts.encoded_id, key));
  SL_CHECK(remove(IndexBy::cgroup, index_value(parts.cgroup_id), key));
  return netns ? remove(IndexBy::netns, index_value(*netns), key) : Result<>{};
}

Result<> StoreIndex::remove(IndexBy by, const std::string& value, const std::string& key) const {
  const std::string directory = path(by, value);
  const std::string file = std::string(directory).append("/").append(key);
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
    return fail_errno(Exit::store, "remove " + file);
  }
  // Others of the same value keep it.
  if (::rmdir(directory.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY) {
    return fail_errno(Exit::store, "remove " + directory);
  }
  return {};
}

}  // namespace socklid
