// SPDX-License-Identifier: Apache-2.0
//
// What the LSM programs declare as their arguments is what the kernel that runs hands them. Fails
// when a program reads an argument at a place where this kernel's hook has one of another name or
// type, or none: the number there would be something else.
#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "guard/object/arguments.hpp"

namespace socklid::test {
namespace {

TEST(ProgramArguments, AreThoseOfTheKernelThatRuns) {
  const std::unique_ptr<btf, decltype(&btf__free)> kernel(btf__load_vmlinux_btf(), btf__free);
  ASSERT_NE(kernel, nullptr) << std::strerror(errno);
  const auto checked = check_arguments(*kernel, "that runs");
  EXPECT_TRUE(checked) << checked.error().message;
}

}  // namespace
}  // namespace socklid::test
