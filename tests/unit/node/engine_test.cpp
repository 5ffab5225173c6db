// SPDX-License-Identifier: Apache-2.0
//
// Who wrote it: fails if what an image or a pod's author writes into a state is taken for the
// engine's word, if an engine's own state is refused, or if docs/annotations.md has another table.
#include "node/engine.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "system/files.hpp"

namespace socklid {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

using annotations::Annotations;

const std::string id(64, 'e');
const std::string sandbox(64, '5');
constexpr Engine engines[] = {Engine::podman, Engine::crio, Engine::containerd, Engine::other};

std::string cgroup_of(Engine engine) {
  switch (engine) {
    case Engine::podman:
      return "/machine.slice/libpod-" + id + ".scope/container";
    case Engine::crio:
      return "/kubepods.slice/crio-" + id + ".scope";
    case Engine::containerd:
      return "/kubepods/besteffort/pod7d3f/" + id;
    case Engine::other:
      break;
  }
  return "/system.slice/docker-" + id + ".scope";
}

/// What the engine itself writes for a member of a pod called "web".
Annotations own_of(Engine engine) {
  switch (engine) {
    case Engine::podman:
      return {{"io.container.manager", "libpod"},
              {"io.kubernetes.cri-o.SandboxID", sandbox},
              {"io.kubernetes.cri-o.ContainerType", "container"},
              {"io.kubernetes.cri-o.TTY", "false"},
              {"io.podman.annotations.autoremove", "FALSE"},
              {"org.opencontainers.image.stopSignal", "15"}};
    case Engine::crio:
      return {{"io.container.manager", "cri-o"},
              {"io.kubernetes.container.name", "web"},
              {"io.kubernetes.cri-o.ContainerID", id},
              {"io.kubernetes.cri-o.ContainerType", "container"},
              {"io.kubernetes.cri-o.Labels", R"({"io.kubernetes.container.name":"web"})"},
              {"io.kubernetes.cri-o.Metadata", R"({"name":"web","attempt":1})"},
              {"io.kubernetes.cri-o.Name", "k8s_web_p_default_u1_0"},
              {"io.kubernetes.cri-o.SandboxID", sandbox},
              {"io.kubernetes.cri-o.SandboxName", "k8s_p_default_u1_0"}};
    case Engine::containerd:
      return {{"io.kubernetes.cri.container-name", "web"},
              {"io.kubernetes.cri.container-type", "container"},
              {"io.kubernetes.cri.sandbox-id", sandbox},
              {"io.kubernetes.cri.sandbox-name", "p"},
              {"io.kubernetes.cri.sandbox-namespace", "default"},
              {"io.kubernetes.cri.sandbox-uid", "u1"}};
    case Engine::other:
      break;
  }
  return {};
}

/// A value that would gain its author something if the key were believed.
std::string lie_for(std::string_view key) {
  if (key == "io.kubernetes.cri-o.Metadata") return R"({"name":"other"})";
  if (key.find("andbox") != std::string_view::npos) return id;  // it would be its own sandbox
  return "other";
}

enum class Author { image, pod, administrator };

/// The state that comes of it when `author` writes `key`, by the order in which the engine puts
/// annotations together; nothing if his never get there.
std::optional<Annotations> composed(Engine engine, Author author, const Annotations& theirs) {
  Annotations state = own_of(engine);
  const bool image_is_heard = engine == Engine::podman || engine == Engine::other;
  if (author == Author::image && !image_is_heard) return std::nullopt;
  for (const auto& [key, value] : theirs) {
    // podman: kube play's annotations and the command line's come after its own; its manager is
    // only a default. containerd: with pod_annotations = ["*"].
    const bool wins =
        engine == Engine::other ||
        (engine == Engine::podman && (author != Author::image || key == "io.container.manager"));
    if (wins) {
      state.insert_or_assign(key, value);
    } else {
      state.emplace(key, value);
    }
  }
  return state;
}

Identity honest(Engine engine) {
  const auto identity = identify(cgroup_of(engine), id, own_of(engine));
  EXPECT_TRUE(identity) << identity.error().message;
  return identity.value_or(Identity{});
}

TEST(Engines, AreKnownByTheNameOfTheCgroup) {
  const std::map<std::string, Engine> paths = {
      {"/machine.slice/libpod-" + id + ".scope", Engine::podman},
      {"/machine.slice/libpod-" + id + ".scope/container", Engine::podman},
      {"/libpod_parent/libpod-" + id, Engine::podman},
      {"/system.slice/web.service/libpod-payload-" + id, Engine::podman},
      {"/kubepods.slice/crio-" + id + ".scope/container", Engine::crio},
      {"/kubepods/burstable/pod7d3f/crio-" + id, Engine::crio},
      {"/kubepods.slice/cri-containerd-" + id + ".scope", Engine::containerd},
      {"/kubepods/besteffort/pod7d3f/" + id, Engine::containerd},
      {"/k8s.io/" + id, Engine::containerd},
      {"/kubelet/kubepods/pod7d3f/" + id, Engine::containerd},
      // A bare id is anybody's: Docker's, a runtime's that was given it by hand.
      {"/docker/" + id, Engine::other},
      {"/" + id, Engine::other},
      {"/user.slice/" + id, Engine::other},
      {"/kubepods/besteffort/web/" + id, Engine::other},
      {"/podman/pod7d3f/" + id, Engine::other},
      {"/system.slice/docker-" + id + ".scope", Engine::other},
      {"/system.slice/victim.service", Engine::other},
      {"/machine.slice/libpod-" + sandbox + ".scope", Engine::other},
      {"/machine.slice/xlibpod-" + id + ".scope", Engine::other},
      {"/", Engine::other},
      {"", Engine::other},
      // One engine in a container of another's.
      {"/machine.slice/libpod-" + sandbox + ".scope/container/crio-" + id, Engine::crio}};
  for (const auto& [path, engine] : paths) EXPECT_EQ(engine_of(path, id), engine) << path;
  EXPECT_EQ(engine_of("/pods/crio-web", "web"), Engine::other) << "no engine's id";
}

TEST(Engines, OwnStatesAreUnderstood) {
  EXPECT_EQ(honest(Engine::podman), (Identity{Engine::podman, "", std::nullopt, sandbox, false}));
  EXPECT_EQ(honest(Engine::crio), (Identity{Engine::crio, "web", sandbox, std::nullopt, false}));
  EXPECT_EQ(honest(Engine::containerd),
            (Identity{Engine::containerd, "web", sandbox, std::nullopt, false}));
  EXPECT_EQ(honest(Engine::other), (Identity{}));
}

TEST(Engines, OwnSandboxesAreOnesOfCriOAndContainerdOnly) {
  for (const Engine engine : engines) {
    Annotations state = own_of(engine);
    for (const char* key : {"io.kubernetes.cri-o.SandboxID", "io.kubernetes.cri.sandbox-id"}) {
      if (state.contains(key)) state[key] = id;
    }
    const auto identity = identify(cgroup_of(engine), id, state);
    ASSERT_TRUE(identity);
    EXPECT_EQ(identity->is_sandbox, engine == Engine::crio || engine == Engine::containerd);
  }
}

/// The proof: whoever writes whichever key, nothing is believed that was not before, or the state
/// is refused by the key's name.
TEST(WhoWroteIt, NobodyPassesForTheEngine) {
  for (const Engine engine : engines) {
    for (const Author author : {Author::image, Author::pod, Author::administrator}) {
      for (const EngineKey& row : engine_keys()) {
        const std::string key(row.key);
        const std::string what = std::string(name_of(engine)) + ", " + key + ", author " +
                                 std::to_string(static_cast<int>(author));
        const auto state = composed(engine, author, {{key, lie_for(key)}});
        if (!state) continue;
        const Say say = row.say.at(static_cast<std::size_t>(engine));
        const bool is_lie = state->at(key) == lie_for(key) && !own_of(engine).contains(key);
        const bool is_other = state->at(key) == lie_for(key);
        const auto identity = identify(cgroup_of(engine), id, *state);
        if ((say == Say::refused && is_lie) || (say == Say::own && is_other)) {
          ASSERT_FALSE(identity) << what;
          EXPECT_EQ(identity.error().exit, Exit::annotation) << what;
          EXPECT_THAT(identity.error().message, StartsWith(key + ": ")) << what;
          EXPECT_EQ(identity.error().message.find(lie_for(key) + "\""), std::string::npos) << what;
          continue;
        }
        ASSERT_TRUE(identity) << what << ": " << identity.error().message;
        Identity expected = honest(engine);
        if (say == Say::proved && is_other) expected.hint = lie_for(key);  // and then is not proved
        EXPECT_EQ(*identity, expected) << what;
      }
    }
  }
}

TEST(WhoWroteIt, EveryKeyThatAnEngineWritesIsAnotherEnginesOrHarmless) {
  for (const Engine made_by : engines) {
    for (const Engine claimed : engines) {
      if (made_by == claimed || claimed == Engine::other) continue;
      Annotations state = own_of(made_by);
      for (const auto& [key, value] : own_of(claimed)) state.emplace(key, value);
      state["io.kubernetes.cri.sandbox-id"] = sandbox;
      state["io.kubernetes.cri-o.Metadata"] = R"({"name":"web"})";
      const auto identity = identify(cgroup_of(made_by), id, state);
      if (made_by == Engine::other) {
        ASSERT_TRUE(identity);
        EXPECT_EQ(*identity, Identity{}) << "a bare runtime's bundle says nothing for sure";
      } else {
        ASSERT_FALSE(identity) << name_of(made_by) << " with keys of " << name_of(claimed);
      }
    }
  }
}

TEST(ContainersName, IsTheCrisOwnFieldUnderCriO) {
  const auto name_of_state = [](Annotations state) {
    return identify(cgroup_of(Engine::crio), id, state).value_or(Identity{}).container;
  };
  EXPECT_EQ(name_of_state({{"io.kubernetes.cri-o.Metadata", R"({"name":"a"})"}}), "a")
      << "no labels, as crictl may do";
  EXPECT_EQ(name_of_state({{"io.kubernetes.cri-o.Metadata", R"({"name":"a"})"},
                           {"io.kubernetes.container.name", "pods-author"}}),
            "a");
  EXPECT_EQ(name_of_state({{"io.kubernetes.container.name", "pods-author"}}), "");
  for (const char* broken : {"", "{", "[]", "null", "{\"name\":7}", "{}", "\"a\""}) {
    EXPECT_EQ(name_of_state({{"io.kubernetes.cri-o.Metadata", broken}}), "") << broken;
  }
}

TEST(ContainersName, IsContainerdsOwnWhateverAPodsAuthorWrites) {
  Annotations state = own_of(Engine::containerd);
  state["io.kubernetes.container.name"] = "other";
  EXPECT_EQ(identify(cgroup_of(Engine::containerd), id, state).value().container, "web");
}

TEST(ContainersName, IsNobodysUnderPodmanAndBareRuntimes) {
  for (const Engine engine : {Engine::podman, Engine::other}) {
    Annotations state = own_of(engine);
    state["io.kubernetes.container.name"] = "x";
    EXPECT_EQ(identify(cgroup_of(engine), id, state).value().container, "");
  }
}

/// The rows of the table below "Who may say what" in the page.
std::vector<std::string> documented() {
  const std::string page =
      read_file(AT_FDCWD, SOCKLID_DOCS "/annotations.md", Exit::internal).value();
  std::vector<std::string> rows;
  std::size_t at = page.find("| annotation | podman | CRI-O | containerd | others |\n");
  for (at = page.find('\n', page.find('\n', at) + 1) + 1; page.compare(at, 2, "| ") == 0;) {
    const std::size_t end = page.find('\n', at);
    rows.push_back(page.substr(at, end - at));
    at = end + 1;
  }
  return rows;
}

TEST(WhoMaySayWhat, IsDocumented) {
  std::vector<std::string> rows;
  for (const EngineKey& row : engine_keys()) {
    std::string line = "| `" + std::string(row.key) + "` |";
    for (const Say say : row.say) line += " " + std::string(name_of(say)) + " |";
    rows.push_back(line);
  }
  EXPECT_EQ(documented(), rows);
}

}  // namespace
}  // namespace socklid
