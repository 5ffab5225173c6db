// SPDX-License-Identifier: Apache-2.0
#include "system/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/text.hpp"

namespace socklid {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<> write_all(int fd, const std::string& name, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(Exit::store, "write " + name);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

/// Whoever may write here may replace what we read back as root.
Result<> check_ours_alone(int directory, const std::string& path) {
  struct stat status {};
  if (::fstat(directory, &status) != 0) return fail_errno(Exit::store, "stat " + path);
  if (status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(Exit::store, path, " is not ours alone to write: remove it or chmod it to 0700");
  }
  return {};
}

}  // namespace

Result<std::string> read_file(int directory, const std::string& path, Exit exit,
                              std::size_t limit) {
  const UniqueFd file(::openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return fail_errno(exit, "open " + path);
  std::string content;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(exit, "read " + path);
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > limit) {
      return fail(exit, path, " is larger than ", limit, " bytes");
    }
  }
}

constexpr std::string_view being_written = ".new.";  // and its writer's process id

bool is_left_over(std::string_view name) {
  const std::size_t at = name.rfind(being_written);
  if (at == std::string_view::npos) return false;
  const auto writer = parse_number<pid_t>(name.substr(at + being_written.size()));
  return writer && ::kill(*writer, 0) != 0 && errno == ESRCH;
}

Result<> write_file_atomically(int scratch, int directory, const std::string& name,
                               std::string_view content) {
  // The process id keeps writers apart that hold no common lock (refusals).
  const std::string temporary = concat(name, being_written, ::getpid());
  const auto written = [&]() -> Result<> {
    const UniqueFd file(::openat(scratch, temporary.c_str(),
                                 O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return fail_errno(Exit::store, "create " + temporary);
    SL_CHECK(write_all(file.get(), temporary, content));
    if (::renameat(scratch, temporary.c_str(), directory, name.c_str()) != 0) {
      return fail_errno(Exit::store, "rename " + temporary);
    }
    return {};
  }();
  if (!written) ::unlinkat(scratch, temporary.c_str(), 0);
  return written;
}

Result<UniqueFd> make_directory(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail_errno(Exit::store, "make directory " + part);
    }
    if (slash == std::string::npos) break;
  }
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!directory) return fail_errno(Exit::store, "open " + path);
  SL_CHECK(check_ours_alone(directory.get(), path));
  return directory;
}

Result<std::vector<std::string>> list_directory(int directory) {
  // A description of its own: readdir moves the offset, which a dup() would share.
  UniqueFd own(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own) return fail_errno(Exit::store, "open directory");
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(own.get()));
  if (!stream) return fail_errno(Exit::store, "read directory");
  (void)own.release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return fail_errno(Exit::store, "read directory");
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> list_if_there(const std::string& path) {
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) return list_directory(directory.get());
  if (errno == ENOENT) return std::vector<std::string>();
  return fail_errno(Exit::store, "open " + path);
}

Result<> remove_directory(int parent, const std::string& name) {
  const UniqueFd directory(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!directory && errno == ENOENT) return {};
  if (!directory) return fail_errno(Exit::store, "open " + name);
  for (const std::string& file : SL_TRY(list_directory(directory.get()))) {
    SL_CHECK(remove_file(directory.get(), file));
  }
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return fail_errno(Exit::store, "remove directory " + name);
  }
  return {};
}

Result<> remove_tree(int parent, const std::string& name) {
  const UniqueFd directory(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!directory && (errno == ENOTDIR || errno == ELOOP)) return remove_file(parent, name);
  if (!directory && errno == ENOENT) return {};
  if (!directory) return fail_errno(Exit::store, "open " + name);
  for (const std::string& below : SL_TRY(list_directory(directory.get()))) {
    SL_CHECK(remove_tree(directory.get(), below));
  }
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return fail_errno(Exit::store, "remove directory " + name);
  }
  return {};
}

Result<> remove_file(int directory, const std::string& name) {
  if (::unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) {
    return fail_errno(Exit::store, "remove " + name);
  }
  return {};
}

}  // namespace socklid
