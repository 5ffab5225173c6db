// SPDX-License-Identifier: Apache-2.0
//
// TreeOnDisk: a container's root in a temporary directory.
//
//   TreeOnDisk files;
//   files.file("usr/bin/sh");
//   files.link("bin", "usr/bin");
//   const auto found = files.tree().find("/bin/sh");
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "node/files/tree.hpp"
#include "system/files.hpp"

namespace socklid {

class TreeOnDisk {
 public:
  TreeOnDisk() {
    char name[] = "/tmp/socklid-tree-XXXXXX";
    if (const char* const made = ::mkdtemp(name)) path_ = made;
    EXPECT_FALSE(path_.empty());
  }
  TreeOnDisk(const TreeOnDisk&) = delete;
  TreeOnDisk& operator=(const TreeOnDisk&) = delete;
  ~TreeOnDisk() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  /// As it is now, with the mounts of this process.
  [[nodiscard]] ContainerTree tree() const {
    UniqueFd root(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const auto text = read_file(AT_FDCWD, "/proc/self/mountinfo", Exit::process, mountinfo_limit);
    auto tree = ContainerTree::of(std::move(root), parse_mountinfo(text.value()));
    if (!tree) std::abort();
    return std::move(*tree);
  }

  void directory(const std::string& name) const {
    std::filesystem::create_directories(path_ + "/" + name);
  }
  /// With what is above it.
  void write(const std::string& name, const std::string& content, mode_t mode = 0755) const {
    const std::string path = path_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0) << path;
  }
  void file(const std::string& name, mode_t mode = 0755) const { write(name, "", mode); }
  void link(const std::string& name, const std::string& to) const {
    EXPECT_EQ(::symlink(to.c_str(), (path_ + "/" + name).c_str()), 0) << name;
  }
  void hard_link(const std::string& name, const std::string& to) const {
    EXPECT_EQ(::link((path_ + "/" + to).c_str(), (path_ + "/" + name).c_str()), 0) << name;
  }
  /// Nothing if it can't be.
  void try_directory(const std::string& name) const {
    (void)::mkdir((path_ + "/" + name).c_str(), 0755);
  }
  void try_file(const std::string& name) const {
    const UniqueFd file(::open((path_ + "/" + name).c_str(),
                               O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644));
  }
  void try_link(const std::string& name, const std::string& to) const {
    (void)!::symlink(to.c_str(), (path_ + "/" + name).c_str());
  }
  /// Of the file itself, if it is a link.
  [[nodiscard]] std::uint64_t inode(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::lstat((path_ + "/" + name).c_str(), &status), 0) << name;
    return status.st_ino;
  }

 private:
  std::string path_;
};

}  // namespace socklid
