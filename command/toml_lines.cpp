// SPDX-License-Identifier: Apache-2.0
#include "command/toml_lines.hpp"

#include "base/text.hpp"

namespace socklid::command {
namespace {

/// Calls `visit(index)` for each character of `text` outside quotes until it returns true.
template <typename Visit>
std::size_t outside_quotes(std::string_view text, Visit visit) {
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (visit(c)) {
      return i;
    }
  }
  return std::string_view::npos;
}

std::size_t find_outside_quotes(std::string_view text, char wanted) {
  return outside_quotes(text, [&](char c) { return c == wanted; });
}

/// Whether a bracket is open at the end.
bool is_open(std::string_view value) {
  int depth = 0;
  outside_quotes(value, [&](char c) {
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    return false;
  });
  return depth > 0;
}

std::string unquoted(std::string_view part) {
  part = trimmed(part);
  const bool quoted = part.size() >= 2 && (part.front() == '"' || part.front() == '\'') &&
                      part.back() == part.front();
  return std::string(quoted ? part.substr(1, part.size() - 2) : part);
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r";
  const std::size_t begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

std::string_view without_comment(std::string_view line) {
  return line.substr(0, find_outside_quotes(line, '#'));
}

std::vector<std::string> strings_in(std::string_view value) {
  std::vector<std::string> strings;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '"' && value[i] != '\'') continue;
    const std::size_t end = value.find(value[i], i + 1);
    if (end == std::string_view::npos) break;
    strings.emplace_back(value.substr(i + 1, end - i - 1));
    i = end;
  }
  return strings;
}

TomlPath parse_toml_path(std::string_view dotted) {
  TomlPath path;
  for (;;) {
    const std::size_t dot = find_outside_quotes(dotted, '.');
    path.push_back(unquoted(dotted.substr(0, dot)));
    if (dot == std::string_view::npos) return path;
    dotted.remove_prefix(dot + 1);
  }
}

TomlLines read_toml_lines(std::string_view text) {
  TomlLines toml;
  for (const std::string_view line : split(text, '\n')) toml.lines.emplace_back(line);
  TomlPath table;
  for (std::size_t i = 0; i < toml.lines.size(); ++i) {
    std::string_view line = trimmed(without_comment(toml.lines[i]));
    if (line.starts_with('[')) {
      while (line.starts_with('[') && line.ends_with(']')) line = line.substr(1, line.size() - 2);
      table = parse_toml_path(line);
      toml.headers.push_back({table, i});
      continue;
    }
    const std::size_t equals = find_outside_quotes(line, '=');
    if (equals == std::string_view::npos) continue;
    TomlEntry entry{.table = table,
                    .key = parse_toml_path(line.substr(0, equals)),
                    .value = std::string(trimmed(line.substr(equals + 1))),
                    .begin = i,
                    .end = 0};
    while (is_open(entry.value) && i + 1 < toml.lines.size()) {
      entry.value.append(" ").append(trimmed(without_comment(toml.lines[++i])));
    }
    entry.end = i + 1;
    toml.ends_open = is_open(entry.value);
    toml.entries.push_back(std::move(entry));
  }
  return toml;
}

}  // namespace socklid::command
