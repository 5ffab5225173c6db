// SPDX-License-Identifier: Apache-2.0
#include "selftest/arena/root.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

#include "base/json.hpp"
#include "selftest/ways/inside/files.hpp"
#include "selftest/ways/inside/program.hpp"

namespace socklid::selftest {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view some_content = "text";

bool make_file(const std::string& path, std::string_view content) {
  std::error_code error;
  if (!fs::exists(path, error) || fs::file_size(path, error) != content.size()) {
    fs::create_directories(fs::path(path).parent_path(), error);
    std::ofstream(path) << content << std::flush;
  }
  return ::chmod(path.c_str(), 0755) == 0;
}

/// Another name of `file`, by link(2) or symlink(2), unless there is one.
bool make_link(int (*link)(const char*, const char*), const std::string& file,
               const std::string& path) {
  if (link(file.c_str(), path.c_str()) == 0) return true;
  return errno == EEXIST;
}

bool make_programs(const std::string& root) {
  const std::string bin = root + "/bin";
  std::error_code error;
  fs::create_directories(bin, error);
  for (const char* const name : {"/caged", "/third"}) {
    if (fs::exists(bin + name, error)) continue;
    if (!fs::copy_file("/proc/self/exe", bin + name, error)) return false;
    if (::chmod((bin + name).c_str(), 0755) != 0) return false;
  }
  const std::string host = fs::read_symlink("/proc/self/exe", error);
  const std::string word = " " + std::string(program_word) + "\n";
  return make_link(::symlink, host, bin + "/other") &&
         make_link(::link, bin + "/caged", bin + "/hard") &&
         make_link(::symlink, "caged", bin + "/soft") &&
         make_file(bin + "/script", "#!" + bin + "/other" + word) &&
         make_file(bin + "/by-caged", "#!" + bin + "/caged" + word) &&
         make_file(bin + "/nested", "#!" + bin + "/by-caged\n") &&
         make_file(bin + "/broken", "\177ELF");
}

bool make_files(const std::string& root) {
  std::error_code error;
  if (!fs::is_symlink(root + "/way", error)) fs::remove_all(root + "/way", error);
  for (const char* const path : {"/sbin/prog", "/sbin/sub/deep", "/etc/conf/file",
                                 "/etc/conf/run/pid", "/etc/single", "/free/a"}) {
    if (!make_file(root + path, some_content)) return false;
  }
  for (const char* const path : {"/sbin/empty", "/free/mounted"}) {
    fs::create_directory(root + path, error);
  }
  return make_link(::link, root + "/etc/single", root + "/free/single") &&
         make_link(::symlink, "../sbin/prog", root + "/free/symlink") &&
         make_link(::symlink, "sbin", root + "/way") &&
         ::setxattr((root + "/sbin/prog").c_str(), "trusted.old", "1", 1, 0) == 0 &&
         set_access_list(root + "/sbin/sub/deep");
}

}  // namespace

Result<Root> Root::make(const std::string& directory) {
  Root root;
  root.bundle_ = directory;
  root.path_ = directory + "/root";
  std::error_code error;
  fs::create_directories(root.path_, error);
  if (fs::is_directory(root.path_, error)) return root;
  return fail_errno(Exit::internal, "make " + directory);
}

Result<> Root::configure(const annotations::Annotations& annotations) const {
  json::Object written;
  for (const auto& [key, value] : annotations) written.emplace(key, value);
  const json::Object config{{"root", json::Object{{"path", "root"}}},
                            {"annotations", std::move(written)}};
  const std::string path = bundle_ + "/config.json";
  if (std::ofstream(path) << json::to_string(config) << std::flush) return {};
  return fail_errno(Exit::internal, "write " + path);
}

bool Root::mount() const {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", path_.c_str(), "tmpfs", 0, "mode=755") == 0 && fill();
}

Result<> Root::open(pid_t holder) {
  mounts_.reset(
      ::open(("/proc/" + std::to_string(holder) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
  if (mounts_) return {};
  return fail_errno(Exit::internal, "open the container's mount namespace");
}

bool Root::fill() const {
  std::error_code error;
  for (const char* const path : {"/sbin/new", "/etc/new", "/free/new"}) {
    fs::remove_all(path_ + path, error);
  }
  return make_programs(path_) && make_files(path_);
}

}  // namespace socklid::selftest
