// SPDX-License-Identifier: Apache-2.0
//
// Containers that run without their policy: what is found in the files of runtimes and engines, in
// a tree made here, and what is said of it.
//
// Fails when: a container is not found in one of the places where a runtime or engine tells of it,
// is found twice, or when its process is gone or another one has its number; one with a policy, or
// with annotations that ask for none, is called unguarded; one without its policy is not.
#include "command/running/running.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "command/doctor/check.hpp"
#include "command/list.hpp"
#include "command/running/unguarded.hpp"
#include "tests/support/temporary_directory.hpp"

namespace socklid::command {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* config = R"({"annotations": {"io.socklid.connect": "deny", "a": "b"}})";
const annotations::Annotations asked = {{"a", "b"}, {"io.socklid.connect", "deny"}};

class RunningTest : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) { directory_.write(path, text); }
  void process(int pid, const std::string& cgroup, char state = 'S', int start = 5) {
    const std::string directory = "/proc/" + std::to_string(pid);
    write(directory + "/stat", std::to_string(pid) + " (a) b) " + state + " 1" +
                                   " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 " + std::to_string(start) +
                                   " 0 0\n");
    write(directory + "/cgroup", "0::" + cgroup + "\n");
  }
  /// The mount namespace of process `pid`, or of `self`, who asks, is the one of this name.
  void mounts(const std::string& pid, const std::string& name) {
    const std::string directory = root() + "/proc/" + pid + "/ns";
    write("/proc/namespaces/" + name, "");
    std::filesystem::create_directories(directory);
    std::filesystem::create_symlink(root() + "/proc/namespaces/" + name, directory + "/mnt");
  }
  void crun(const std::string& id, int pid, const std::string& more = {}) {
    write("/run/crun/" + id + "/status", "{\"pid\": " + std::to_string(pid) +
                                             ", \"process-start-time\": 5, \"bundle\": \"/b/" + id +
                                             "\"" + more + "}");
  }
  /// "ID PID" of each, and what could not be read.
  std::vector<std::string> found() {
    const Survey survey = running_containers(root());
    std::vector<std::string> all = survey.unread;
    for (const RunningContainer& one : survey.containers) {
      all.push_back(one.id + " " + std::to_string(one.pid));
      EXPECT_EQ(one.annotations.count("io.socklid.connect"), 1u);
    }
    return all;
  }
  [[nodiscard]] const std::string& root() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
};

TEST_F(RunningTest, NothingIsFoundWhereNothingIs) {
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(RunningTest, CrunKeepsACopyOfTheConfig) {
  process(7, "/x/web/container");
  crun("web", 7);
  write("/run/crun/web/config.json", config);
  write("/b/web/config.json", "{}");
  const Survey survey = running_containers(root());
  EXPECT_THAT(survey.containers,
              ElementsAre(RunningContainer{"/run/crun/web", "web", 7, "/x/web/container", asked}));
}

TEST_F(RunningTest, WithoutTheCopyTheBundleIsRead) {
  process(7, "/x");
  crun("web", 7);
  write("/b/web/config.json", config);
  EXPECT_THAT(found(), ElementsAre("web 7"));
}

TEST_F(RunningTest, RuncKeepsAnnotationsAsLabels) {
  process(7, "/x");
  const char* const state = R"({"init_process_pid": 7, "init_process_start": 5, "config":
      {"labels": ["io.socklid.connect=deny", "bundle=/b", "io.socklid.policy={\"a\"=1}", "x"]}})";
  write("/run/runc/web/state.json", state);
  write("/run/containerd/runc/k8s.io/db/state.json", state);  // the same process
  const Survey survey = running_containers(root());
  EXPECT_THAT(
      survey.containers,
      ElementsAre(RunningContainer{
          "/run/runc/web",
          "web",
          7,
          "/x",
          {{"bundle", "/b"}, {"io.socklid.connect", "deny"}, {"io.socklid.policy", "{\"a\"=1}"}}}));
}

TEST_F(RunningTest, EveryRuntimeUnderContainerdAndDockerIsFound) {
  process(7, "/x");
  process(8, "/x");
  write("/run/containerd/runc/default/a/status", R"({"pid": 7, "process-start-time": 5})");
  write("/run/containerd/runc/default/a/config.json", config);
  write("/run/docker/runtime-runc/moby/b/state.json",
        R"({"init_process_pid": 8, "config": {"labels": ["io.socklid.connect=deny"]}})");
  EXPECT_THAT(found(), ElementsAre("a 7"));  // b: neither start time nor a cgroup of its name
  process(8, "/docker/b");
  EXPECT_THAT(found(), ElementsAre("a 7", "b 8"));
}

TEST_F(RunningTest, YoukiNamesTheBundle) {
  process(7, "/:youki:web");
  write("/run/youki/web/state.json", R"({"pid": 7, "bundle": "/b", "annotations": null})");
  write("/b/config.json", config);
  EXPECT_THAT(found(), ElementsAre("web 7"));
}

TEST_F(RunningTest, EnginesTellByBundleAndPidFile) {
  const std::string storage = "containers/storage/overlay-containers/";
  process(1, "/crio-a.scope");
  process(2, "/libpod-b.scope/container");
  process(3, "/kubepods/c");
  write("/run/" + storage + "a/userdata/config.json", config);
  write("/run/" + storage + "a/userdata/pidfile", "1");
  write("/var/lib/" + storage + "b/userdata/config.json", config);
  write("/run/" + storage + "b/userdata/pidfile", "2\n");
  write("/run/containerd/io.containerd.runtime.v2.task/k8s.io/c/config.json", config);
  write("/run/containerd/io.containerd.runtime.v2.task/k8s.io/c/init.pid", "3");
  EXPECT_THAT(found(), ElementsAre("a 1", "b 2", "c 3"));
  process(2, "/user.slice/tab");  // the number is another's now
  EXPECT_THAT(found(), ElementsAre("a 1", "c 3"));
}

TEST_F(RunningTest, NspawnTellsByItsCommandLine) {
  using namespace std::string_literals;
  const std::string nspawn = root() + "/usr/bin/systemd-nspawn";
  mounts("self", "ours");
  const auto nspawn_runs = [&](int pid, const std::string& words, const std::string& child,
                               const std::string& more = {}, const std::string& mounted = "ours") {
    const std::string directory = "/proc/" + std::to_string(pid);
    process(pid, "/machine.slice");
    write(directory + "/cmdline", "systemd-nspawn\0"s + words);
    write(directory + "/task/" + std::to_string(pid) + "/children", child);
    ASSERT_EQ(::symlink((nspawn + more).c_str(), (root() + directory + "/exe").c_str()), 0);
    ASSERT_EQ(::symlink("/b", (root() + directory + "/cwd").c_str()), 0);
    mounts(std::to_string(pid), mounted);
  };
  nspawn_runs(1, "--oci-bundle=/b/web\0"s, "11 ");
  process(11, "/machine.slice/web/payload");
  write("/b/web/config.json", config);
  EXPECT_THAT(found(), ElementsAre("web 11"));
  nspawn_runs(2, "--quiet\0--oci-bundle\0web/\0-Mother\0"s, "12 13 ",
              " (deleted)");  // relative to its directory, and upgraded
  process(12, "/machine.slice/other/payload");
  nspawn_runs(3, "--directory=/b/web\0"s, "14 ");  // no bundle
  process(14, "/machine.slice/directory/payload");
  nspawn_runs(4, "--oci-bundle=/b/web\0"s, "");  // nothing runs yet
  process(5, "/x");                              // who only calls itself so
  write("/proc/5/cmdline", "systemd-nspawn\0--oci-bundle=/b/web\0"s);
  write("/proc/5/task/5/children", "11 ");
  mounts("5", "ours");
  // A container's, by the node's own file.
  nspawn_runs(6, "--oci-bundle=/b/forged\0"s, "15 ", {}, "container's");
  process(15, "/x");
  write("/b/forged/config.json", config);
  EXPECT_THAT(found(), ElementsAre("web 11", "other 12"));
}

TEST_F(RunningTest, NspawnsStandInForAFirstProcessIsNoOther) {
  using namespace std::string_literals;
  write("/b/web/config.json", config);
  mounts("self", "ours");
  for (const int pid : {1, 2}) {
    const std::string directory = "/proc/" + std::to_string(pid);
    process(pid, "/machine.slice");
    write(directory + "/cmdline", "systemd-nspawn\0--oci-bundle=/b/web\0--as-pid2\0"s);
    write(directory + "/task/" + std::to_string(pid) + "/children", std::to_string(pid + 1) + " ");
    ASSERT_EQ(::symlink((root() + "/usr/bin/systemd-nspawn").c_str(),
                        (root() + directory + "/exe").c_str()),
              0);
    mounts(std::to_string(pid), pid == 1 ? "ours" : "container's");
  }
  process(3, "/machine.slice");
  EXPECT_THAT(found(), ElementsAre("web 2"));
}

TEST_F(RunningTest, WhatDoesNotRunIsNotFound) {
  crun("gone", 6);
  process(7, "/x", 'Z');
  crun("dead", 7);
  process(8, "/x", 'S', 6);
  crun("another", 8);
  for (const char* id : {"gone", "dead", "another"}) {
    write(std::string("/run/crun/") + id + "/config.json", config);
  }
  write("/run/crun/none/status", R"({"pid": 0})");
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(RunningTest, ContainersThatNearlyAskAreShownWithTheReason) {
  process(7, "/x");
  crun("web", 7);
  write("/b/web/config.json", R"({"annotations": {"io.socklid/egress": "udp/53"}})");
  const Survey survey = running_containers(root());
  const std::vector<Unguarded> found = unguarded(survey.containers, {});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].cause, HasSubstr("nearly an annotation of socklid's"));
  EXPECT_THAT(list_text({found, {}}, true), HasSubstr("io.socklid/egress=udp/53"));
}

TEST_F(RunningTest, ContainersThatAskForNothingAreNotFound) {
  process(7, "/x");
  crun("web", 7);
  write("/b/web/config.json", R"({"annotations": {"io.socklie": "deny", "a": 1}})");
  EXPECT_THAT(found(), IsEmpty());
  write("/b/web/config.json", R"({"annotations": null})");
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(RunningTest, WhatCannotBeReadIsSaid) {
  process(7, "/x");
  crun("a", 7);
  write("/run/crun/b/status", "{");
  write("/run/runc/c/state.json", "[]");
  write("/run/crun/d/status", R"({"pid": 99})");  // gone, so nobody cares
  const auto all = found();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_THAT(all[0], HasSubstr("/b/a/config.json is not there"));
  EXPECT_THAT(all[1], HasSubstr("/run/crun/b/status: "));
}

/// What an image's or a pod's author may write beside our keys.
const std::vector<std::string>& hostile_members() {
  static const std::vector<std::string> all = {
      R"("x": "\u0000")",
      R"("x": "\udc00")",
      "\"x\": \"\xff\"",
      R"("x": 1, "x": 2)",
      R"("x": ")" + std::string(3'000'000, 'a') + "\"",
      R"("x": )" + std::string(1000, '[') + std::string(1000, ']'),
      R"("\u0000": "y")"};
  return all;
}

TEST_F(RunningTest, NothingThatOthersWriteHidesAContainer) {
  process(7, "/x");
  crun("web", 7);
  process(8, "/y");
  for (const std::string& hostile : hostile_members()) {
    write("/run/crun/web/config.json", "{\"annotations\": {" + hostile +
                                           R"(, "io.socklid.connect": "deny"}, "y": {)" + hostile +
                                           "}}");
    EXPECT_THAT(found(), ElementsAre("web 7")) << hostile.substr(0, 20);
  }
  for (const std::string label : {"x=\\u0000", "x=\xff", "x=\\udc00"}) {
    write("/run/runc/db/state.json",
          R"({"init_process_pid": 8, "init_process_start": 5, "config": {"labels": [")" + label +
              R"(", "io.socklid.connect=deny"]}})");
    EXPECT_THAT(found(), ElementsAre("web 7", "db 8")) << label;
  }
}

TEST_F(RunningTest, AValueOfOursThatIsNoTextAsksForSomethingNobodyCanGrant) {
  process(7, "/x");
  crun("web", 7);
  write("/run/crun/web/config.json", R"({"annotations": {"io.socklid.connect": "\u0000"}})");
  process(8, "/y");
  write("/run/runc/db/state.json", R"({"init_process_pid": 8, "init_process_start": 5,
      "config": {"labels": ["io.socklid.connect=\u0000"]}})");
  const Survey survey = running_containers(root());
  EXPECT_THAT(survey.unread, IsEmpty());
  const auto all = unguarded(survey.containers, {});
  ASSERT_EQ(all.size(), 2u);
  for (const Unguarded& one : all) EXPECT_THAT(one.cause, HasSubstr("io.socklid.connect: "));
}

TEST_F(RunningTest, WhatCannotBeReadHidesNothing) {
  process(7, "/x");
  crun("web", 7);
  write("/run/crun/web/config.json", config);
  write("/run/crun/broken/status", "{");
  const Survey survey = running_containers(root());
  const Check check = judge_running(survey, unguarded(survey.containers, {}));
  EXPECT_EQ(check.level, Level::fail);
  EXPECT_THAT(check.detail, HasSubstr("web (pid 7"));
  EXPECT_THAT(check.detail, HasSubstr("/run/crun/broken/status: "));
}

// What is said of them
// -----------------------------------------------------------------------------

RunningContainer running(const std::string& cgroup) {
  return {"/run/crun/web", "web", 7, cgroup, asked};
}

Container under_policy(const std::string& id, State state = State::active) {
  Record record;
  record.id = id;
  Details details;
  details.cgroup_path = "/x/" + id;
  return {.entry = {.key = key_of(id, 1),
                    .parts = {encode_id(id), 1},
                    .record = record,
                    .recorded = true,
                    .pinned = true},
          .details = details,
          .state = state};
}

TEST(Unguarded, APolicyCoversItsCgroupAndThoseBelow) {
  const std::vector<Container> all = {under_policy("db"), under_policy("web")};
  EXPECT_THAT(unguarded({running("/x/web")}, all), IsEmpty());
  EXPECT_THAT(unguarded({running("/x/web/container")}, all), IsEmpty());
  for (const char* elsewhere : {"/x/web2", "/x", "/", ""}) {
    EXPECT_THAT(unguarded({running(elsewhere)}, all),
                ElementsAre(Unguarded{running(elsewhere), "no policy"}))
        << elsewhere;
  }
}

TEST(Unguarded, ThePolicyOfAnEarlierContainerOfTheSameNameDoesNotCount) {
  EXPECT_EQ(unguarded({running("/x/web")}, {under_policy("web", State::gone)}).size(), 1u);
  EXPECT_EQ(unguarded({running("/x/web")}, {}).size(), 1u);
}

TEST(Unguarded, WhatIsShownAsIncompleteIsNotShownTwice) {
  EXPECT_THAT(unguarded({running("/x/web")}, {under_policy("web", State::incomplete)}), IsEmpty());
  EXPECT_EQ(unguarded({running("/x/web")}, {under_policy("db", State::incomplete)}).size(), 1u);
}

TEST(Unguarded, AnnotationsThatRestrictNothingNeedNoPolicy) {
  RunningContainer one = running("/x/web");
  one.annotations = {{"io.socklid.connect", "allow"}, {"io.socklid.bind", "allow"}};
  EXPECT_THAT(unguarded({one}, {}), IsEmpty());
}

TEST(Unguarded, ASandboxOnlyHoldsThePodsNamespaces) {
  const std::string id(64, 'e');
  const std::pair<const char*, std::string> engines[] = {
      {"io.kubernetes.cri-o.SandboxID", "/pods/crio-" + id},
      {"io.kubernetes.cri.sandbox-id", "/pods/cri-containerd-" + id + ".scope"}};
  for (const auto& [key, cgroup] : engines) {
    RunningContainer pause = running(cgroup);
    pause.id = id;
    pause.annotations = {{"io.socklid.bind/web", "tcp/80"}, {key, pause.id}};
    EXPECT_THAT(unguarded({pause}, {}), IsEmpty()) << key;
    pause.annotations[key] = "another";
    EXPECT_EQ(unguarded({pause}, {}).size(), 1u) << key;
    pause.annotations[key] = pause.id;
    pause.cgroup = "/x/pause";  // nobody says who made it
    EXPECT_EQ(unguarded({pause}, {}).size(), 1u) << key;
  }
}

TEST(Unguarded, AnnotationsThatTheHookWouldRefuseAreNoPolicy) {
  RunningContainer one = running("/x/web");
  one.annotations = {{"io.socklid.conect", "deny"}};
  const auto found = unguarded({one}, {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found.front().cause, HasSubstr("io.socklid.conect"));
}

TEST(Unguarded, ListShowsThemFirst) {
  const Listing listing{{{running("/y"), "no policy"}}, {{under_policy("db"), 5, {}}}};
  EXPECT_EQ(list_text(listing, false),
            "ID   STATE      POLICY        MARK  SEAL   DENIED  CGROUP\n"
            "web  UNGUARDED  connect=deny  -     -      -       /y\n"
            "db   active                   -     start  5       /x/db\n");
  const json::Value all = list_json(listing);
  const json::Value& line = all.array().front();
  EXPECT_EQ(line.find_string("state"), "UNGUARDED");
  EXPECT_EQ(line.find_string("cause"), "no policy");
  EXPECT_EQ(line.find_integer("pid"), 7);
  EXPECT_EQ(line.find("annotations")->object().size(), 1u);
}

TEST(Unguarded, DoctorFailsForThemAndForWhatItCannotRead) {
  EXPECT_EQ(judge_running({}, {}).level, Level::ok);
  const Check check = judge_running({}, {{running("/y"), "no policy"}});
  EXPECT_EQ(check.level, Level::fail);
  EXPECT_THAT(check.detail, HasSubstr("web (pid 7, /run/crun/web: no policy)"));
  EXPECT_THAT(check.remedy, HasSubstr("stop and start"));
  EXPECT_EQ(judge_running({{}, {"/run/crun/b/status: cut off"}}, {}).level, Level::fail);
}

}  // namespace
}  // namespace socklid::command
