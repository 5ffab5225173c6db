// SPDX-License-Identifier: Apache-2.0
//
// Fails when: what containerd-config makes of a spec or of a config.toml lacks our hooks or
// settings, loses what others have there, differs after a second run, or is made of a file in which
// the same could be said twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "command/containerd/files.hpp"
#include "command/containerd/spec.hpp"
#include "command/containerd/toml.hpp"
#include "command/doctor/check.hpp"
#include "tests/support/temporary_directory.hpp"

namespace socklid::command {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The spec ---------------------------------------------------------------------------------------

json::Value hooked(const std::string& spec, const std::string& hook = "/usr/libexec/socklid-hook") {
  const auto text = with_hooks(spec, hook);
  EXPECT_TRUE(text) << text.error().message;
  const auto again = with_hooks(text.value_or(""), hook);
  EXPECT_EQ(again, text) << "a second run changes it";
  return json::parse(text.value_or("null")).value_or(json::Value());
}

std::vector<std::string> paths_at(const json::Value& spec, const char* stage) {
  std::vector<std::string> paths;
  for (const json::Value& entry : spec.find("hooks")->find(stage)->array()) {
    paths.push_back(entry.find_string("path").value_or("?"));
  }
  return paths;
}

TEST(ContainerdSpec, HasBothHooksWithTheirStages) {
  const json::Value spec = hooked(R"({"ociVersion": "1.0.2", "hostname": "x"})");
  EXPECT_EQ(json::to_string(spec), R"({"hooks":{)"
                                   R"("createRuntime":[{"args":["socklid-hook","createRuntime"],)"
                                   R"("path":"/usr/libexec/socklid-hook","timeout":60}],)"
                                   R"("poststop":[{"args":["socklid-hook","poststop"],)"
                                   R"("path":"/usr/libexec/socklid-hook","timeout":60}]},)"
                                   R"("hostname":"x","ociVersion":"1.0.2"})");
}

TEST(ContainerdSpec, KeepsTheHooksOfOthersBeforeOurs) {
  const json::Value spec =
      hooked(R"({"ociVersion": "1.0.2", "hooks": {"poststart": [{"path": "/p"}],
      "createRuntime": [{"path": "/nvidia", "args": ["nvidia"]}], "poststop": null}})");
  EXPECT_THAT(paths_at(spec, "createRuntime"), ElementsAre("/nvidia", "/usr/libexec/socklid-hook"));
  EXPECT_THAT(paths_at(spec, "poststart"), ElementsAre("/p"));
  EXPECT_THAT(paths_at(spec, "poststop"), ElementsAre("/usr/libexec/socklid-hook"));
}

TEST(ContainerdSpec, ReplacesAnEarlierPlaceOfTheProgram) {
  const json::Value before = hooked(R"({"ociVersion": "1.0.2"})", "/opt/socklid-hook");
  EXPECT_THAT(paths_at(hooked(json::to_string(before)), "createRuntime"),
              ElementsAre("/usr/libexec/socklid-hook"));
}

TEST(ContainerdSpec, WhatIsNoSpecIsRefusedWithAMend) {
  for (const char* spec :
       {"", "[]", "{", R"({"ociVersion": 1})", R"({"ociVersion": "1", "hooks": []})",
        R"({"ociVersion": "1", "hooks": {"poststop": {}}})",
        R"({"ociVersion": "1", "process": {"rlimits": [{"hard": 18446744073709551615}]}})"}) {
    const auto text = with_hooks(spec, "/h");
    ASSERT_FALSE(text) << spec;
    EXPECT_EQ(text.error().exit, Exit::usage);
    EXPECT_THAT(text.error().message, HasSubstr("ctr oci spec")) << spec;
  }
}

// config.toml ------------------------------------------------------------------------------------

const RuntimeTable wanted = {.runtime = "runc", .spec = "/etc/containerd/s.json"};

std::string edited(const std::string& config, const RuntimeTable& table = wanted) {
  const auto text = with_settings(config, table);
  EXPECT_TRUE(text) << text.error().message;
  EXPECT_EQ(with_settings(text.value_or(""), table), text) << "a second run changes it";
  EXPECT_EQ(spec_in_force(text.value_or(""), table.runtime), table.spec);
  return text.value_or("");
}

constexpr const char* whole_table =
    "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
    "  base_runtime_spec = \"/etc/containerd/s.json\"\n"
    "  pod_annotations = [\"io.socklid.*\", \"io.socklid.*/*\"]\n"
    "  runtime_type = \"io.containerd.runc.v2\"\n";

TEST(ContainerdToml, NothingBecomesAWholeFile) {
  EXPECT_EQ(edited(""), std::string("version = 2\n\n") + whole_table);
  EXPECT_EQ(edited("# none\n"), std::string("# none\nversion = 2\n\n") + whole_table);
}

TEST(ContainerdToml, AMissingTableIsAddedBehindAllElse) {
  const std::string debian =
      "version = 2\n\n[plugins]\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n"
      "    [plugins.\"io.containerd.grpc.v1.cri\".cni]\n      bin_dir = \"/usr/lib/cni\"";
  EXPECT_EQ(edited(debian), debian + "\n\n" + whole_table);
}

TEST(ContainerdToml, AFileThatSaysAllIsEditedInPlace) {
  const std::string before =
      "version = 2\n"
      "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
      "    base_runtime_spec = \"\" # none\n"
      "    pod_annotations = [\n      \"a.*\", # theirs\n    ]\n"
      "    runtime_type = \"io.containerd.runc.v2\"\n"
      "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n"
      "    SystemdCgroup = true\n";
  EXPECT_EQ(edited(before),
            "version = 2\n"
            "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
            "    base_runtime_spec = \"/etc/containerd/s.json\"\n"
            "    pod_annotations = [\"a.*\", \"io.socklid.*\", \"io.socklid.*/*\"]\n"
            "    runtime_type = \"io.containerd.runc.v2\"\n"
            "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n"
            "    SystemdCgroup = true\n");
}

TEST(ContainerdToml, PatternsOfOthersKeepTheirMeaning) {
  const std::string table =
      "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n";
  EXPECT_THAT(edited(table + "pod_annotations = ['a\\[b', \"c\\\"d\"]\n"),
              HasSubstr(R"(= ["a\\[b", "c\"d", "io.socklid.*", "io.socklid.*/*"])"));
}

TEST(ContainerdToml, ARuntimeThatOnlyHasATableBelowGetsItsOwn) {
  const std::string below =
      "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n"
      "  SystemdCgroup = true\n";
  EXPECT_EQ(edited(below), below + "\n" + whole_table);
  EXPECT_TRUE(runtimes_in(below).value().empty());
}

TEST(ContainerdToml, Version3CallsThePluginOtherwise) {
  const std::string table =
      "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.crun]\n";
  EXPECT_THAT(edited(table, {.runtime = "crun", .spec = "/s"}),
              HasSubstr(table + "  base_runtime_spec = \"/s\"\n"));
  EXPECT_THAT(edited("version = 3\n"),
              HasSubstr("[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.runc]\n"));
}

TEST(ContainerdToml, WhatSaysTheSameOtherwiseIsRefusedWithAMend) {
  const std::string two = "version = 2\n";
  const std::string cri = "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes]\n";
  for (const std::string& config :
       {std::string("[plugins]\n"), std::string("version = 9\n"), two + "plugins = {cri = {}}\n",
        two + cri + "runc = {runtime_type = \"x\"}\n", two + cri + "runc.runtime_type = \"x\"\n",
        two + "[plugins]\n\"io.containerd.grpc.v1.cri\".containerd = {}\n", two + "a = [\n",
        two + "text = \"\"\"\n[plugins]\n\"\"\"\n"}) {
    const auto text = with_settings(config, wanted);
    ASSERT_FALSE(text) << config;
    EXPECT_EQ(text.error().exit, Exit::usage);
    EXPECT_THAT(text.error().message, HasSubstr("containerd config dump")) << config;
  }
  const auto kata = with_settings(two, {.runtime = "kata", .spec = "/s"});
  ASSERT_FALSE(kata);
  EXPECT_THAT(kata.error().message, HasSubstr("no runtime kata"));
}

TEST(ContainerdRuntimes, AreAllThatARuntimeClassMayName) {
  const auto runtimes = runtimes_in(R"(version = 2
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  base_runtime_spec = "/etc/containerd/socklid-spec.json"
  pod_annotations = ["io.socklid.*", "io.socklid.*/*"]
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata]
  runtime_type = "io.containerd.kata.v2"
)");
  ASSERT_TRUE(runtimes) << runtimes.error().message;
  ASSERT_EQ(runtimes->size(), 2u);
  EXPECT_EQ(runtimes->at(0), (RuntimeSettings{"kata", "", {}}));
  EXPECT_EQ(runtimes->at(1).spec, "/etc/containerd/socklid-spec.json");
  EXPECT_TRUE(passes_annotations(runtimes->at(1)));
  EXPECT_FALSE(passes_annotations(runtimes->at(0)));
  EXPECT_EQ(
      runtimes_in("version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.x]")
          .value()
          .front()
          .runtime,
      "x");
  EXPECT_TRUE(runtimes_in("").value().empty());
  EXPECT_FALSE(runtimes_in("version = 9\n"));
  for (const char* other :
       {"[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes]\nx = {}\n",
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\nruntimes.x.y = 1\n"}) {
    EXPECT_FALSE(runtimes_in(std::string("version = 2\n") + other)) << other;
  }
  EXPECT_FALSE(runtimes_in("x = \"\"\"\n"));
}

TEST(ContainerdRuntimes, OfSeveralFilesHaveWhatEveryVersionLeavesThem) {
  const auto file = [](const std::string& runtime) {
    return "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes." + runtime +
           "]\n  base_runtime_spec = \"/spec.json\"\n";
  };
  const auto specs = [](const std::vector<std::string>& files) {
    const auto all = runtimes_in_all(files);
    EXPECT_TRUE(all.has_value());
    if (!all) return std::vector<std::string>{};
    std::vector<std::string> found;
    for (const RuntimeSettings& one : *all) {
      found.push_back(one.runtime + one.spec);
    }
    return found;
  };
  EXPECT_THAT(specs({}), ElementsAre("runc"));
  EXPECT_THAT(specs({file("kata")}), ElementsAre("kata/spec.json", "runc"));
  EXPECT_THAT(specs({file("runc"), "version = 2\n"}), ElementsAre("runc/spec.json"));
  EXPECT_THAT(
      specs({file("runc"), "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\nx = 1\n"}),
      ElementsAre("runc"));
  EXPECT_THAT(specs({file("runc"), file("kata")}), ElementsAre("kata/spec.json", "runc"))
      << "before 2.1 the second file replaces the first one's whole section";
}

TEST(ContainerdRuntimes, ASpecCallsTheHookByItsFileName) {
  const auto with = [](const std::string& path) {
    return calls_hook(R"({"hooks":{"createRuntime":[{"path":")" + path + R"("}]}})");
  };
  EXPECT_TRUE(with("/usr/libexec/oci/hooks.d/socklid-hook"));
  EXPECT_FALSE(with("/usr/bin/true"));
  EXPECT_FALSE(with("socklid-hook"));
  for (const char* spec : {"", "{}", "[]", R"({"hooks":{}})", R"({"hooks":{"createRuntime":7}})"}) {
    EXPECT_FALSE(calls_hook(spec)) << spec;
  }
}

TEST(ContainerdRuntimes, OneWithoutTheHookIsARisk) {
  EXPECT_EQ(judge_containerd({{"runc", ""}}).level, Level::ok);
  const Check check = judge_containerd({{"runc", ""}, {"kata", "no hook"}});
  EXPECT_EQ(check.level, Level::risk);
  EXPECT_THAT(check.detail, HasSubstr("called by runc; not by kata (no hook)"));
  EXPECT_THAT(check.remedy, HasSubstr("--runtime kata --write"));
}

TEST(ContainerdRuntimes, OfAnotherFileAreCalledByIt) {
  const Check check = judge_containerd({{"runc", "no hook", "/k3s/config.toml"}});
  EXPECT_EQ(check.level, Level::risk);
  EXPECT_THAT(check.detail, HasSubstr("not by runc in /k3s/config.toml (no hook)"));
  EXPECT_THAT(check.remedy, HasSubstr("--runtime runc --config /k3s/config.toml --write"));
}

TEST(ContainerdFiles, AreReadWithWhatTheyImport) {
  const TemporaryDirectory directory;
  directory.write("/config.toml", "imports = [\"conf.d/*.toml\"]\n");
  directory.write("/conf.d/a.toml", "version = 2\n");
  EXPECT_THAT(containerd_texts(directory.path() + "/config.toml").value(),
              ElementsAre(HasSubstr("imports"), HasSubstr("version")));
  EXPECT_EQ(containerd_texts(directory.path() + "/none.toml").error().exit, Exit::node);
}

TEST(ContainerdFiles, AreWhatARunningOneWasTold) {
  const auto told = [](std::string line) {
    for (char& c : line) c = c == ' ' ? '\0' : c;
    return config_argument(line);
  };
  EXPECT_EQ(told("containerd -c /a/config.toml -a /run/sock "), "/a/config.toml");
  EXPECT_EQ(told("/usr/bin/containerd --config /b "), "/b");
  EXPECT_EQ(told("containerd --config=/c "), "/c");
  EXPECT_EQ(told("containerd --log-level debug "), std::nullopt);
  EXPECT_EQ(told("containerd --config"), std::nullopt);
  EXPECT_EQ(told("containerd --config-dir /x "), std::nullopt);
  EXPECT_EQ(told("dockerd --config /x "), std::nullopt);
  EXPECT_EQ(told(""), std::nullopt);
}

}  // namespace
}  // namespace socklid::command
