// SPDX-License-Identifier: Apache-2.0
#include "command/docker/runc_call.hpp"

#include <algorithm>
#include <array>

#include "annotations/parser.hpp"
#include "base/json.hpp"
#include "command/containerd/spec.hpp"

namespace socklid::command {
namespace {

/// An option's name without its dashes, and its value if that is in the same argument.
struct Option {
  std::string_view name;
  std::optional<std::string_view> value;
};

std::optional<Option> option_of(std::string_view argument) {
  if (!argument.starts_with('-') || argument == "-" || argument == "--") return std::nullopt;
  argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
  const std::size_t equals = argument.find('=');
  if (equals == std::string_view::npos) return Option{argument, std::nullopt};
  return Option{argument.substr(0, equals), argument.substr(equals + 1)};
}

template <std::size_t size>
bool is_one_of(std::string_view name, const std::array<std::string_view, size>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Of runc's options before the command those that take no value.
constexpr std::array<std::string_view, 6> switches = {"debug", "systemd-cgroup", "help",
                                                      "h",     "version",        "v"};
constexpr std::array<std::string_view, 3> makers = {"create", "run", "restore"};

void read_global(const Option& option, std::string_view value, RuncCall& call) {
  if (option.name == "log") call.log = value;
  if (option.name == "log-format") call.log_is_json = value == "json";
}

/// Where the value of the member "hooks" of the outermost object begins and ends; `text` is JSON.
std::optional<std::pair<std::size_t, std::size_t>> place_of_hooks(std::string_view text) {
  constexpr std::string_view key = "\"hooks\"";
  std::size_t depth = 0;
  std::optional<std::size_t> begin;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      const std::size_t open = i;
      for (++i; text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
      const std::size_t next = text.find_first_not_of(" \t\r\n", i + 1);
      const bool is_key = depth == 1 && text[next] == ':';
      if (is_key && text.substr(open, i + 1 - open) == key) begin = next + 1;
      continue;
    }
    const bool ends = depth == 1 && (c == ',' || c == '}');
    if (ends && begin) return std::pair(*begin, i);
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  }
  return std::nullopt;
}

bool has_annotation_of_ours(const json::Value& config) {
  const json::Value* const annotations = config.find("annotations");
  return annotations != nullptr && annotations->is_object() &&
         std::any_of(annotations->object().begin(), annotations->object().end(),
                     [](const auto& one) { return annotations::concerns_us(one.first); });
}

}  // namespace

RuncCall parse_runc_call(const std::vector<std::string_view>& arguments) {
  RuncCall call;
  std::size_t i = 0;
  for (; i < arguments.size(); ++i) {
    const auto option = option_of(arguments[i]);
    if (!option) break;
    if (is_one_of(option->name, switches)) continue;
    if (option->value) {
      read_global(*option, *option->value, call);
    } else if (++i < arguments.size()) {
      read_global(*option, arguments[i], call);
    }
  }
  call.makes_container = i < arguments.size() && is_one_of(arguments[i], makers);
  for (++i; call.makes_container && i < arguments.size(); ++i) {
    const auto option = option_of(arguments[i]);
    if (!option || (option->name != "bundle" && option->name != "b")) continue;
    if (option->value) {
      call.bundle = *option->value;
    } else if (++i < arguments.size()) {
      call.bundle = arguments[i];
    }
  }
  return call;
}

Result<std::optional<std::string>> hooked_bundle(std::string_view config, const std::string& hook) {
  const auto parsed = json::parse(config);
  if (!parsed) return fail(Exit::state, "not JSON: ", parsed.error().message);
  if (!parsed->is_object()) return fail(Exit::state, "no OCI runtime config");
  if (!has_annotation_of_ours(*parsed)) return std::optional<std::string>();
  const std::string hooks = json::to_string(SL_TRY(hooks_with_ours(*parsed, hook)));
  std::string text(config);
  if (parsed->find("hooks") == nullptr) {
    // It has another member, annotations: a comma may follow.
    text.insert(text.find('{') + 1, "\"hooks\":" + hooks + ",");
    return std::optional(std::move(text));
  }
  const auto place = place_of_hooks(text);
  if (!place)
    return fail(Exit::state, "the key hooks is written with escapes: write it as \"hooks\"");
  text.replace(place->first, place->second - place->first, hooks);
  return std::optional(std::move(text));
}

}  // namespace socklid::command
