// SPDX-License-Identifier: Apache-2.0
//
// A directory of a test's own, removed with what is in it.
#pragma once

#include <ftw.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace socklid {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    if (::mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "mkdtemp " << path_;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    const auto remove_one = [](const char* path, const struct stat*, int, FTW*) {
      return ::remove(path);
    };
    ::nftw(path_.c_str(), remove_one, 16, FTW_DEPTH | FTW_PHYS);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// `path` begins with a slash, and is below the directory; its own directories are made.
  void write(const std::string& path, const std::string& text) const {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      ::mkdir((path_ + path.substr(0, slash)).c_str(), 0700);
    }
    FILE* const file = std::fopen((path_ + path).c_str(), "we");
    ASSERT_NE(file, nullptr) << path;
    EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), file), text.size());
    std::fclose(file);
  }

 private:
  std::string path_{testing::TempDir() + "socklid-XXXXXX"};
};

}  // namespace socklid
