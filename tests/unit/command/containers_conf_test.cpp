// SPDX-License-Identifier: Apache-2.0
//
// Where podman looks for hooks. Fails when doctor would look elsewhere than podman.
#include "command/doctor/containers_conf.hpp"

#include <gtest/gtest.h>

namespace socklid::command {
namespace {

using Directories = std::vector<std::string>;
const std::string standard = "/usr/share/containers/oci/hooks.d";

TEST(ContainersConf, WithoutTheKeyPodmansDefaultHolds) {
  EXPECT_EQ(hooks_directories({}), Directories{standard});
  EXPECT_EQ(hooks_directories({"[engine]\n# hooks_dir = [\"/x\"]\n"}), Directories{standard});
  EXPECT_EQ(hooks_directories({"[containers]\nhooks_dir = [\"/x\"]\n"}), Directories{standard});
  EXPECT_EQ(hooks_directories({"[engine]\nhooks_dir_old = [\"/x\"]\n"}), Directories{standard});
}

TEST(ContainersConf, ReadsAnArrayOverSeveralLines) {
  const auto setting = parse_hooks_dir(
      "[engine]\nevents_logger = \"file\"\n  hooks_dir = [ # where\n  \"/a#b\", # one\n  '/c',\n]\n"
      "[network]\n");
  ASSERT_TRUE(setting);
  EXPECT_EQ(setting->directories, (Directories{"/a#b", "/c"}));
  EXPECT_FALSE(setting->append);
}

TEST(ContainersConf, ALaterFileReplacesOrAppends) {
  const std::string first = "[engine]\nhooks_dir=[\"/a\"]\n";
  EXPECT_EQ(hooks_directories({first, "[engine]\nhooks_dir=[\"/b\"]\n"}), Directories{"/b"});
  EXPECT_EQ(hooks_directories({first, "[engine]\nhooks_dir=[\"/b\", {append = true}]\n"}),
            (Directories{"/a", "/b"}));
  EXPECT_EQ(hooks_directories({"[engine]\nhooks_dir=[]\n"}), Directories{});
}

TEST(ContainersConf, WhatIsNoTomlIsNoHang) {
  EXPECT_EQ(hooks_directories({"[engine]\nhooks_dir=[\"/unfinished\n[", "\"", "[engine"}),
            Directories{});
}

}  // namespace
}  // namespace socklid::command
