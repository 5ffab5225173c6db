// SPDX-License-Identifier: Apache-2.0
#include "node/engine.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "node/cgroup.hpp"

namespace socklid {
namespace {

constexpr std::string_view scope_suffix = ".scope";
constexpr std::string_view manager_key = "io.container.manager";
// CRI-O writes the CRI's own field there, {"name": ..., "attempt": ...}, for every container
// (internal/factory/container: SpecAddAnnotations). The label io.kubernetes.container.name, which
// it copies too, is the kubelet's: whoever uses the CRI directly may leave it out.
constexpr std::string_view crio_metadata = "io.kubernetes.cri-o.Metadata";
constexpr std::string_view crio_sandbox = "io.kubernetes.cri-o.SandboxID";
constexpr std::string_view containerd_name = "io.kubernetes.cri.container-name";
constexpr std::string_view containerd_sandbox = "io.kubernetes.cri.sandbox-id";

// podman: its SandboxID and ContainerType come after an image's annotations and before those of the
// command line, for members of a pod only (pkg/specgen/generate: CompleteSpec); its manager only
// where nobody gave one (libpod: generateSpec). CRI-O: all after the pod's. containerd: all after
// what pod_annotations and container_annotations let through (CRI: containerSpecOpts).
constexpr std::array<EngineKey, 15> table{{
    {manager_key, {Say::own, Say::own, Say::refused, Say::ignored}},
    {"io.kubernetes.container.name", {Say::ignored, Say::ignored, Say::ignored, Say::ignored}},
    {crio_metadata, {Say::refused, Say::believed, Say::refused, Say::ignored}},
    {crio_sandbox, {Say::proved, Say::believed, Say::refused, Say::ignored}},
    {"io.kubernetes.cri-o.ContainerType", {Say::ignored, Say::ignored, Say::refused, Say::ignored}},
    {"io.kubernetes.cri-o.ContainerID", {Say::refused, Say::ignored, Say::refused, Say::ignored}},
    {"io.kubernetes.cri-o.Labels", {Say::refused, Say::ignored, Say::refused, Say::ignored}},
    {"io.kubernetes.cri-o.Name", {Say::refused, Say::ignored, Say::refused, Say::ignored}},
    {"io.kubernetes.cri-o.SandboxName", {Say::refused, Say::ignored, Say::refused, Say::ignored}},
    {containerd_name, {Say::refused, Say::refused, Say::believed, Say::ignored}},
    {containerd_sandbox, {Say::refused, Say::refused, Say::believed, Say::ignored}},
    {"io.kubernetes.cri.sandbox-name", {Say::refused, Say::refused, Say::ignored, Say::ignored}},
    {"io.kubernetes.cri.sandbox-namespace",
     {Say::refused, Say::refused, Say::ignored, Say::ignored}},
    {"io.kubernetes.cri.sandbox-uid", {Say::refused, Say::refused, Say::ignored, Say::ignored}},
    // CRI-O's administrators may let pods have it (allowed_annotations).
    {"io.kubernetes.cri.container-type", {Say::refused, Say::ignored, Say::ignored, Say::ignored}},
}};

/// What each engine calls itself in io.container.manager.
std::string_view manager_of(Engine engine) {
  return engine == Engine::podman ? "libpod" : "cri-o";
}

std::string_view without_scope(std::string_view component) {
  if (component.ends_with(scope_suffix)) component.remove_suffix(scope_suffix.size());
  return component;
}

Engine engine_of_prefix(std::string_view prefix) {
  if (prefix == "libpod-" || prefix == "libpod-payload-") return Engine::podman;
  if (prefix == "crio-") return Engine::crio;
  if (prefix == "cri-containerd-") return Engine::containerd;
  return Engine::other;
}

/// Whether the cgroup `path` is the kubelet's for a pod, as its cgroupfs driver calls them
/// (pkg/kubelet/cm: kubepods, with "pod" before the pod's UID), or containerd's own for the CRI.
bool is_for_pods(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view last = path.substr(slash + 1);
  if (last == "k8s.io") return true;
  return last.starts_with("pod") &&
         path.substr(0, slash + 1).find("/kubepods/") != std::string_view::npos;
}

Say say_of(const EngineKey& row, Engine engine) {
  return row.say.at(static_cast<std::size_t>(engine));
}

/// The value of a key whose word counts as `wanted`; nothing if it is absent or empty, or does not.
std::optional<std::string> value_if(std::string_view key, Engine engine, Say wanted,
                                    const annotations::Annotations& annotations) {
  const auto* const row =
      std::find_if(table.begin(), table.end(), [&](const auto& one) { return one.key == key; });
  if (row == table.end() || say_of(*row, engine) != wanted) return std::nullopt;
  const auto found = annotations.find(key);
  if (found == annotations.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

Result<> check_no_other(Engine engine, const annotations::Annotations& annotations) {
  for (const EngineKey& row : table) {
    const auto found = annotations.find(row.key);
    if (found == annotations.end()) continue;
    const Say say = say_of(row, engine);
    const bool bad =
        say == Say::refused || (say == Say::own && found->second != manager_of(engine));
    if (!bad) continue;
    return fail(Exit::annotation, row.key, ": not written by ", name_of(engine),
                ", which made this container, as its cgroup says: an image or a pod's author has "
                "written it; take it out there");
  }
  return {};
}

std::string container_name(Engine engine, const annotations::Annotations& annotations) {
  if (auto name = value_if(containerd_name, engine, Say::believed, annotations)) return *name;
  const auto metadata = value_if(crio_metadata, engine, Say::believed, annotations);
  if (!metadata) return {};
  const auto parsed = json::parse(*metadata);
  if (!parsed || !parsed->is_object()) return {};
  return parsed->find_string("name").value_or("");
}

}  // namespace

std::string_view name_of(Engine engine) {
  switch (engine) {
    case Engine::podman:
      return "podman";
    case Engine::crio:
      return "CRI-O";
    case Engine::containerd:
      return "containerd";
    case Engine::other:
      break;
  }
  return "others";
}

bool is_written_by_pods_author(Engine engine) {
  return engine == Engine::crio || engine == Engine::containerd;
}

std::string_view name_of(Say say) {
  switch (say) {
    case Say::believed:
      return "believed";
    case Say::proved:
      return "proved";
    case Say::own:
      return "own";
    case Say::ignored:
      return "ignored";
    case Say::refused:
      break;
  }
  return "refused";
}

std::span<const EngineKey> engine_keys() {
  return table;
}

bool is_engine_id(std::string_view id) {
  constexpr std::string_view digits = "0123456789abcdef";
  return id.size() == 64 && id.find_first_not_of(digits) == std::string_view::npos;
}

bool is_named_after(std::string_view component, std::string_view id) {
  component = without_scope(component);
  if (!component.ends_with(id)) return false;
  component.remove_suffix(id.size());
  return component.empty() || component.ends_with('-');
}

std::optional<std::string_view> cgroup_named_after(std::string_view path, std::string_view id) {
  std::optional<std::string_view> any;
  while (path.size() > 1) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) break;
    const std::string_view component = path.substr(slash + 1);
    if (is_named_after(component, id)) {
      if (component.ends_with(scope_suffix)) return path;
      if (!any) any = path;
    }
    path = path.substr(0, slash);
  }
  return any;
}

Engine engine_of(std::string_view cgroup, std::string_view id) {
  if (!is_engine_id(id)) return Engine::other;
  const auto named = cgroup_named_after(cgroup, id);
  if (!named) return Engine::other;
  std::string_view prefix = without_scope(named->substr(named->rfind('/') + 1));
  prefix.remove_suffix(id.size());
  if (!prefix.empty()) return engine_of_prefix(prefix);
  return is_for_pods(named->substr(0, named->rfind('/'))) ? Engine::containerd : Engine::other;
}

Result<Identity> identify(std::string_view cgroup, std::string_view id,
                          const annotations::Annotations& annotations) {
  Identity identity{.engine = engine_of(cgroup, id),
                    .container = {},
                    .sandbox = std::nullopt,
                    .hint = std::nullopt,
                    .is_sandbox = false};
  SL_CHECK(check_no_other(identity.engine, annotations));
  identity.container = container_name(identity.engine, annotations);
  for (const std::string_view key : {crio_sandbox, containerd_sandbox}) {
    if (auto sandbox = value_if(key, identity.engine, Say::believed, annotations)) {
      identity.sandbox = std::move(sandbox);
    }
  }
  identity.hint = value_if(crio_sandbox, identity.engine, Say::proved, annotations);
  identity.is_sandbox = identity.sandbox == id;
  return identity;
}

Result<Identity> identify_container(const ContainerProcess& process,
                                    const ContainerState& container) {
  return identify(SL_TRY(cgroup_path_of(process)), container.id, container.annotations);
}

std::string origin_of(pid_t pid, std::string_view id) {
  const auto process = pid > 0 ? ContainerProcess::open(pid)
                               : Result<ContainerProcess>(fail(Exit::process, "no process"));
  const auto path =
      process ? cgroup_path_of(*process) : Result<std::string>(Failure(process.error()));
  if (!path) return {};
  const auto named = cgroup_named_after(*path, id);
  const std::string_view own = named ? *named : std::string_view(*path);
  return std::string(own.substr(0, own.rfind('/')));
}

}  // namespace socklid
