// SPDX-License-Identifier: Apache-2.0
//
// Fails if a node that cannot load the programs is not told why, where the kernel does not say it.
#include "guard/object/load_failure.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.hpp"

namespace socklid {
namespace {

/// What stands for /sys.
class Sys {
 public:
  std::string told(int error, std::string_view said) {
    return Result<>(explain_load_failure(error, said, directory_.path())).error().message;
  }
  void write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = std::filesystem::path(directory_.path()) / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

 private:
  TemporaryDirectory directory_;
};

TEST(LoadFailure, WithoutBtfIsToldFirst) {
  Sys sys;
  sys.write("kernel/security/lockdown", "none integrity [confidentiality]\n");
  EXPECT_NE(sys.told(EINVAL, "").find("CONFIG_DEBUG_INFO_BTF"), std::string::npos);
}

TEST(LoadFailure, OfALockdownThatHidesTheKernelsMemoryNamesIt) {
  Sys sys;
  sys.write("kernel/btf/vmlinux", "");
  sys.write("kernel/security/lockdown", "none integrity [confidentiality]\n");
  for (const int error : {EINVAL, EPERM}) {
    const std::string told = sys.told(error, "unknown func bpf_probe_read_kernel");
    EXPECT_NE(told.find("lockdown is `confidentiality`"), std::string::npos) << told;
    EXPECT_NE(told.find("boot with lockdown=integrity"), std::string::npos) << told;
  }
}

TEST(LoadFailure, OfAnyOtherNodeIsWhatTheKernelSaid) {
  Sys sys;
  sys.write("kernel/btf/vmlinux", "");
  EXPECT_EQ(sys.told(EINVAL, "bad map"), "load the BPF LSM programs: Invalid argument (bad map)");
  sys.write("kernel/security/lockdown", "none [integrity] confidentiality\n");
  EXPECT_EQ(sys.told(ENOMEM, ""), "load the BPF LSM programs: Cannot allocate memory");
}

TEST(Lockdown, IsTheOneInBrackets) {
  EXPECT_EQ(active_lockdown("[none] integrity confidentiality\n"), "none");
  EXPECT_EQ(active_lockdown("none integrity [confidentiality]\n"), "confidentiality");
  for (const char* const none : {"", "none integrity confidentiality\n", "]none[", "[none"}) {
    EXPECT_EQ(active_lockdown(none), "") << none;
  }
}

}  // namespace
}  // namespace socklid
