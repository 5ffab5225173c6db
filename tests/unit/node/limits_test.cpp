// SPDX-License-Identifier: Apache-2.0
//
// Fails if a cgroup is not seen to be limited by itself or by one above it, so that whoever set the
// limit says how long the node's lock is held; or if an ordinary one is taken for limited, so that
// every start waits for RCU.
#include "node/limits.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/temporary_directory.hpp"

namespace socklid {
namespace {

constexpr const char* monitor = "/kubepods.slice/pod.slice/crio-conmon-x.scope";

class Limits : public testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) { tree_.write(file, text); }
  [[nodiscard]] bool limited(std::string_view path, const std::string& root = "/") const {
    return is_limited({.root = root, .point = tree_.path()}, path);
  }

 private:
  TemporaryDirectory tree_;
};

TEST_F(Limits, OrdinaryOnesAreNone) {
  EXPECT_FALSE(limited("/"));
  EXPECT_FALSE(limited(monitor)) << "no controller";
  const std::string pod = "/kubepods.slice/pod.slice";
  write(pod + "/cpu.max", "max 100000\n");
  write(pod + "/cpu.weight", "100\n");
  write(pod + "/memory.max", "max\n");
  write(pod + "/memory.high", "max\n");
  write("/kubepods.slice/cpu.weight", "7200\n");
  EXPECT_FALSE(limited(monitor));
}

TEST_F(Limits, AreSeenAtEachLevelAndInEachFile) {
  struct Case {
    std::string file, text;
  };
  for (const Case& one :
       {Case{"cpu.max", "1000 100000\n"}, Case{"memory.max", "67108864\n"},
        Case{"memory.high", "0\n"}, Case{"cpu.weight", "1\n"}, Case{"cpu.weight", "0\n"}}) {
    for (const std::string level : {"/kubepods.slice", "/kubepods.slice/pod.slice",
                                    "/kubepods.slice/pod.slice/crio-conmon-x.scope"}) {
      const std::string path = level + "/" + one.file;
      const std::string usual = one.file == "cpu.weight" ? "100\n" : "max\n";
      write(path, one.text);
      EXPECT_TRUE(limited(monitor)) << path;
      EXPECT_FALSE(limited("/system.slice/crio.service")) << path;
      write(path, usual);
      EXPECT_FALSE(limited(monitor)) << path;
    }
  }
}

TEST_F(Limits, OfARootThatIsNotTheNodesAreLeftAlone) {
  write("/memory.max", "67108864\n");
  EXPECT_FALSE(limited("/outer", "/outer"));
  EXPECT_FALSE(limited("/outer/inner", "/outer"));
  write("/inner/memory.max", "67108864\n");
  EXPECT_TRUE(limited("/outer/inner", "/outer"));
  EXPECT_FALSE(limited("/elsewhere", "/outer"));
}

}  // namespace
}  // namespace socklid
