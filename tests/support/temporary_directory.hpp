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

 private:
  std::string path_{testing::TempDir() + "socklid-XXXXXX"};
};

}  // namespace socklid
