// SPDX-License-Identifier: Apache-2.0
//
// How doctor judges and prints; what it looks at is tried in the virtual machine.
#include "command/doctor/doctor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command/doctor/check.hpp"

namespace socklid::command {
namespace {

TEST(Doctor, JudgesTheKernelByItsRelease) {
  EXPECT_EQ(judge_kernel_version("6.0").level, Level::ok);
  EXPECT_EQ(judge_kernel_version("6.1.0-18-amd64").level, Level::ok);
  EXPECT_EQ(judge_kernel_version("10.2").level, Level::ok);
  EXPECT_EQ(judge_kernel_version("5.19.0").level, Level::fail);
  EXPECT_EQ(judge_kernel_version("").level, Level::fail);
}

TEST(Doctor, TellsTheBootParameterThatIsMissing) {
  EXPECT_EQ(judge_lsm_list("lockdown,capability,bpf\n").level, Level::ok);
  const Check check = judge_lsm_list("lockdown,capability,yama,notbpf\n");
  EXPECT_EQ(check.level, Level::fail);
  EXPECT_EQ(check.remedy,
            "add lsm=lockdown,yama,notbpf,bpf to the kernel's command line and reboot");
}

TEST(Doctor, NamesALockdownThatRefusesThePrograms) {
  EXPECT_EQ(judge_lockdown("").level, Level::ok);
  EXPECT_EQ(judge_lockdown("[none] integrity confidentiality\n"), passed("lockdown", "none"));
  EXPECT_EQ(judge_lockdown("none [integrity] confidentiality\n").level, Level::ok);
  const Check check = judge_lockdown("none integrity [confidentiality]\n");
  EXPECT_EQ(check.level, Level::fail);
  EXPECT_NE(check.detail.find("`confidentiality`"), std::string::npos) << check.detail;
  EXPECT_NE(check.remedy.find("lockdown=integrity"), std::string::npos) << check.remedy;
}

TEST(Doctor, NamesAPodmanThatTakesAnnotationsFromImages) {
  const Check risk = judge_podman_version("podman version 4.3.1\n");
  EXPECT_EQ(risk.level, Level::risk);
  EXPECT_NE(risk.remedy.find("4.6"), std::string::npos);
  const std::string& warned = risk.detail;
  EXPECT_NE(warned.find("io.socklid.families"), std::string::npos) << warned;
  for (const char* fine : {"podman version 4.6.0\n", "podman version 5.0.1\n", ""}) {
    const Check check = judge_podman_version(fine);
    EXPECT_EQ(check.level, Level::ok);
    EXPECT_EQ(check.detail.find("families"), std::string::npos) << fine;
  }
}

TEST(Doctor, NamesEnginesThatRestoreImagesWithoutAHook) {
  EXPECT_TRUE(crio_restores({}));
  EXPECT_TRUE(crio_restores({"[crio.runtime]\nconmon = \"\"\n"}));
  const std::string off = "[crio.runtime]\nenable_criu_support = false\n";
  EXPECT_FALSE(crio_restores({off}));
  EXPECT_TRUE(crio_restores({off, "[crio.runtime]\nenable_criu_support = true\n"}));
  const std::string runtimes = "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes";
  const std::string crun = runtimes + ".fast.options]\nBinaryName = '/usr/bin/crun'\n";
  EXPECT_FALSE(containerd_restores_by_crun({}));
  EXPECT_FALSE(containerd_restores_by_crun({runtimes + ".runc.options]\nBinaryName = 'runc'\n"}));
  EXPECT_TRUE(containerd_restores_by_crun({crun}));
  EXPECT_FALSE(containerd_restores_by_crun(
      {crun, "[plugins.'io.containerd.cri.v1.runtime']\nenable_criu = false\n"}));
  EXPECT_EQ(judge_checkpoints({}).level, Level::ok);
  const Check check = judge_checkpoints({"CRI-O", "containerd"});
  EXPECT_EQ(check.level, Level::risk);
  EXPECT_NE(check.detail.find("CRI-O and containerd"), std::string::npos) << check.detail;
  EXPECT_NE(check.remedy.find("enable_criu_support = false in"), std::string::npos) << check.remedy;
  EXPECT_NE(check.remedy.find("enable_criu = false for"), std::string::npos) << check.remedy;
  const Check of_containerd = judge_checkpoints({"containerd"});
  EXPECT_EQ(of_containerd.remedy.find("CRI-O"), std::string::npos) << of_containerd.remedy;
}

TEST(Doctor, CountsWhatIsInTheMapsAndFailsWhenOneIsNearlyFull) {
  EXPECT_EQ(judge_maps({}).detail, "no programs are loaded");
  const Check fine = judge_maps({{"a1", {{"policies", 899, 1000}, {"seals", 0, 1000}}}});
  EXPECT_EQ(fine.level, Level::ok);
  EXPECT_TRUE(fine.detail.starts_with("a1 has 899 of 1000 policies, 0 of 1000 seals"))
      << fine.detail;
  const Check full = judge_maps({{"a1", {{"policies", 1, 1000}}}, {"b2", {{"seals", 900, 1000}}}});
  EXPECT_EQ(full.level, Level::fail);
  EXPECT_NE(full.detail.find("b2 has 900 of 1000 seals"), std::string::npos) << full.detail;
}

TEST(Doctor, PrintsOneLineForEachThing) {
  EXPECT_EQ(to_string(passed("BTF", "there")), "ok   BTF: there");
  EXPECT_EQ(to_string(failed("BTF", "gone", "find it")), "FAIL BTF: gone; find it");
  EXPECT_EQ(to_string(risky("podman", "old", "update")), "RISK podman: old; update");
}

TEST(Doctor, ARiskIsAFailureWhereAskedFor) {
  const Diagnosis diagnosis{{passed("a", "b"), risky("c", "d", "e")}, {}};
  EXPECT_TRUE(healthy(diagnosis));
  EXPECT_FALSE(healthy(diagnosis, true));
  EXPECT_TRUE(doctor_json(diagnosis).find("ok")->boolean());
  EXPECT_FALSE(doctor_json(diagnosis, true).find("ok")->boolean());
  const json::Value json = doctor_json(diagnosis);
  const json::Value& risk = json.find("checks")->array().at(1);
  EXPECT_EQ(risk.find_string("level"), "risk");
  EXPECT_TRUE(risk.find("ok")->boolean());
}

TEST(Doctor, IsHealthyIfNothingFailed) {
  Diagnosis diagnosis{{passed("a", "b")}, {}};
  EXPECT_TRUE(healthy(diagnosis));
  EXPECT_EQ(doctor_text(diagnosis), "ok   a: b\nlast refusals: none\n");
  diagnosis.refusals = {{.time = 0, .id = "web\x1b", .exit = 13, .message = "no"}};
  EXPECT_EQ(doctor_text(diagnosis),
            "ok   a: b\nlast refusals:\n  1970-01-01T00:00:00Z  web\\x1b  exit 13  no\n");
  diagnosis.refusals.front().count = 7;
  EXPECT_NE(doctor_text(diagnosis).find("exit 13 (7 times)  no"), std::string::npos);
  diagnosis.checks.push_back(failed("c", "d"));
  EXPECT_FALSE(healthy(diagnosis));
  EXPECT_FALSE(doctor_json(diagnosis).find("ok")->boolean());
}

TEST(Doctor, NamesOverlaysOnWhichNothingIsFoundAgain) {
  EXPECT_EQ(judge_overlays(0, {}).level, Level::ok);
  EXPECT_EQ(judge_overlays(3, {}).level, Level::ok);
  const Check check = judge_overlays(3, {"/var/lib/x/merged"});
  EXPECT_EQ(check.level, Level::risk);
  EXPECT_THAT(check.detail, testing::HasSubstr("/var/lib/x/merged"));
  EXPECT_THAT(check.remedy, testing::HasSubstr("xino=on"));
}

}  // namespace
}  // namespace socklid::command
