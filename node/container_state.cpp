// SPDX-License-Identifier: Apache-2.0
#include "node/container_state.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/json.hpp"
#include "base/text.hpp"

namespace socklid {
namespace {

// PID_MAX_LIMIT of 64-bit kernels (include/linux/threads.h); proc(5), pid_max.
constexpr std::int64_t pid_max = std::int64_t{4} * 1024 * 1024;

Failure bad(const std::string& what) {
  return fail(Exit::state, "OCI state: ", what);
}

Result<> check_id(std::string_view id) {
  if (id.empty()) return bad("id is empty");
  if (id.size() > id_limit) {
    return bad("id has " + std::to_string(id.size()) + " characters, the limit is " +
               std::to_string(id_limit));
  }
  if (id == "." || id == "..") return bad("id is " + quote(id));
  const auto unusable = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f || c == '/';
  };
  if (std::any_of(id.begin(), id.end(), unusable)) {
    return bad("id " + quote(id) + " contains a slash, white space or a control character");
  }
  return {};
}

/// The string member `key`; nothing if it is absent or null.
Result<std::optional<std::string>> text_of(const json::Value& state, std::string_view key) {
  const json::Value* value = state.find(key);
  if (value == nullptr || value->is_null()) return std::optional<std::string>{};
  if (!value->is_string()) {
    return bad(std::string(key) + " is " + std::string(value->type_name()) + ", not a string");
  }
  return std::optional<std::string>{value->string()};
}

/// 0 if it is absent: runc leaves it out where there is none, crun writes 0.
Result<pid_t> pid_of(const json::Value& state) {
  const json::Value* value = state.find("pid");
  if (value == nullptr || value->is_null()) return pid_t{0};
  if (!value->is_integer()) {
    return bad("pid is " + std::string(value->type_name()) + ", not a whole number");
  }
  if (value->integer() < 0 || value->integer() > pid_max) {
    return bad("pid " + std::to_string(value->integer()) + " is outside 0.." +
               std::to_string(pid_max));
  }
  return static_cast<pid_t>(value->integer());
}

/// Absent, null and empty are the same: runtime-spec allows the first and the last.
Result<annotations::Annotations> annotations_of(const json::Value& state) {
  const json::Value* value = state.find("annotations");
  annotations::Annotations result;
  if (value == nullptr || value->is_null()) return result;
  if (!value->is_object()) {
    return bad("annotations is " + std::string(value->type_name()) + ", not an object");
  }
  for (const auto& [key, text] : value->object()) {
    if (!text.is_string()) {
      return bad("annotation " + quote(key) + " is " + std::string(text.type_name()) +
                 ", not a string");
    }
    result.emplace(key, text.string());
  }
  return result;
}

Result<json::Value> parse_object(std::string_view text) {
  if (text.size() > state_limit) return bad("larger than 1 MiB");
  if (text.empty()) {
    return bad(
        "standard input is empty; socklid-hook is started by a container runtime, which "
        "writes the state there");
  }
  auto value = json::parse(text);
  if (!value) return bad(value.error().message);
  if (!value->is_object()) {
    return bad("the document is " + std::string(value->type_name()) + ", not an object");
  }
  return std::move(*value);
}

Result<ContainerState> strictly(const json::Value& document, ContainerState state) {
  auto status = SL_TRY(text_of(document, "status"));
  if (!status) return bad("no status");
  state.status = std::move(*status);
  state.pid = SL_TRY(pid_of(document));
  state.bundle = SL_TRY(text_of(document, "bundle")).value_or("");
  state.annotations = SL_TRY(annotations_of(document));
  return state;
}

ContainerState leniently(const json::Value& document, ContainerState state) {
  state.status = text_of(document, "status").value_or(std::nullopt).value_or("");
  state.pid = pid_of(document).value_or(0);
  state.bundle = text_of(document, "bundle").value_or(std::nullopt).value_or("");
  state.annotations = annotations_of(document).value_or(annotations::Annotations{});
  return state;
}

}  // namespace

Result<Stage> parse_stage(std::string_view argument) {
  if (argument == "createRuntime" || argument == "prestart") return Stage::create;
  if (argument == "poststop") return Stage::remove;
  return fail(Exit::usage, "unknown stage ", quote(argument),
              ": the hook serves createRuntime (or prestart) and poststop");
}

Result<ContainerState> parse_state(std::string_view text, Stage stage) {
  const json::Value document = SL_TRY(parse_object(text));
  ContainerState state;
  auto id = SL_TRY(text_of(document, "id"));
  if (!id) return bad("no id");
  SL_CHECK(check_id(*id));
  state.id = std::move(*id);
  if (stage == Stage::remove) return leniently(document, std::move(state));
  return strictly(document, std::move(state));
}

Result<> check_ready(const ContainerState& state) {
  const bool starting = state.status == "creating" || state.status == "created";
  if (!starting && state.status != "running" && state.status != "stopped") {
    return bad("unknown status " + quote(state.status));
  }
  if (state.pid > 0) return {};
  if (starting) {
    return bad("status is " + state.status +
               " but there is no pid: the runtime calls the hook "
               "before the container's process exists, so nothing can be attached in time; youki "
               "does so before 0.6.0: update it, or use runc or crun");
  }
  return fail(Exit::usage, "stage createRuntime contradicts the state: status is ", state.status,
              " and there is no process");
}

std::string short_id(std::string_view id) {
  constexpr std::size_t long_id = 32;
  return std::string(id.size() > long_id ? first_characters(id, 12) : id);
}

}  // namespace socklid
