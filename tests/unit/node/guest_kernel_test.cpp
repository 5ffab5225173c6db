// SPDX-License-Identifier: Apache-2.0
//
// Fails if a container whose sockets are another kernel's is given a policy that nothing would
// hold, or if one of this kernel's is refused for its name.
#include "node/guest_kernel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "node/inhabitants.hpp"

namespace socklid {
namespace {

using testing::HasSubstr;

TEST(GuestKernel, IsKnownByItsProgram) {
  for (const char* program :
       {"runsc", "/usr/local/bin/runsc", "runsc-sandbox", "/usr/bin/containerd-shim-kata-v2",
        "containerd-shim-runsc-v1", "/usr/bin/kata-runtime", "/usr/bin/krun",
        "/usr/bin/qemu-system-x86_64 (deleted)", "/opt/kata/bin/cloud-hypervisor", "firecracker"}) {
    EXPECT_TRUE(is_guest_kernel(program)) << program;
  }
  for (const char* program :
       {"", "/", "/usr/bin/crun", "/memfd:runc_cloned:/proc/self/exe (deleted)", "runc", "youki",
        "/usr/bin/containerd-shim-runc-v2", "/runsc/crun", "qemu-img", "/kata/runc"}) {
    EXPECT_FALSE(is_guest_kernel(program)) << program;
  }
}

TEST(GuestKernel, IsAskedForByAnAnnotationOfCruns) {
  EXPECT_TRUE(asks_for_guest_kernel({{"run.oci.handler", "krun"}}));
  EXPECT_FALSE(asks_for_guest_kernel({{"run.oci.handler", "wasm"}}));
  EXPECT_FALSE(asks_for_guest_kernel({{"a", "krun"}}));
  const auto refused = check_own_kernel(::getpid(), {{"run.oci.handler", "krun"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().exit, Exit::unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("sockets of its own kernel"));
}

TEST(GuestKernel, NorDoesCrunRunTheProgramItself) {
  EXPECT_EQ(handler_without_exec({{"run.oci.handler", "wasm"}, {"a", "b"}}), "run.oci.handler");
  EXPECT_EQ(handler_without_exec({{"run.oci.handler", ""}}), "run.oci.handler");
  EXPECT_EQ(handler_without_exec({{"module.wasm.image/variant", "compat"}}),
            "module.wasm.image/variant");
  EXPECT_EQ(handler_without_exec({{"run.oci.handlers", "wasm"}}), "");
  const auto refused = check_own_kernel(::getpid(), {{"run.oci.handler", "dotnet"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().exit, Exit::unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("run.oci.handler: is refused"));
}

TEST(GuestKernel, IsNoOrdinaryProcess) {
  EXPECT_TRUE(check_own_kernel(::getpid(), {}));
  EXPECT_TRUE(check_own_kernel(0, {})) << "what cannot be read is for others to judge";
}

TEST(Inhabitants, AreContainersByAnEnginesIdInTheirCgroup) {
  const std::string id(64, 'a');
  for (const std::string& path :
       {"/machine.slice/libpod-" + id + ".scope/container", "/kubepods/pod1/" + id,
        "/system.slice/docker-" + id + ".scope", "/k8s.io/" + id, "/x:cri-containerd:" + id}) {
    EXPECT_TRUE(bears_engine_id(path)) << path;
  }
  for (const std::string& path :
       {std::string("/"), std::string("/user.slice/session-1.scope"), "/" + id.substr(1), "/x" + id,
        "/" + id + "x", "/" + std::string(64, 'g'), std::string()}) {
    EXPECT_FALSE(bears_engine_id(path)) << path;
  }
}

}  // namespace
}  // namespace socklid
