// SPDX-License-Identifier: Apache-2.0
#include "annotations/subject/paths.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace socklid::annotations {
namespace {

constexpr std::string_view expected =
    "expected an absolute path of the container, without .. and white space";

/// Whether what is given of `path` was given before, as the same or as its contrary.
const ProtectedPath* find(const std::vector<ProtectedPath>& paths, const std::string& path) {
  const auto found = std::find_if(paths.begin(), paths.end(),
                                  [&](const ProtectedPath& one) { return one.path == path; });
  return found == paths.end() ? nullptr : &*found;
}

bool is_protected(const std::vector<ProtectedPath>& paths, const ProtectedPath& exception) {
  return std::any_of(paths.begin(), paths.end(), [&](const ProtectedPath& one) {
    return !one.except && is_within(exception.path, one.path);
  });
}

}  // namespace

std::vector<std::string_view> split_words(std::string_view text) {
  constexpr std::string_view white_space = " \t\n\v\f\r";
  std::vector<std::string_view> words;
  std::size_t begin = text.find_first_not_of(white_space);
  while (begin != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(white_space, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(white_space, end);
  }
  return words;
}

Result<std::string> parse_path(const ValueText& value, std::string_view token) {
  if (!token.starts_with('/')) return fail_value(value, token, expected);
  if (token.size() > max_path_bytes) {
    return fail_value(value, token,
                      "expected at most " + std::to_string(max_path_bytes) + " bytes in a path");
  }
  std::string path;
  for (const std::string_view component : split(token, '/')) {
    if (component.empty() || component == ".") continue;
    if (component == "..") return fail_value(value, token, expected);
    path.append("/").append(component);
  }
  return path.empty() ? "/" : path;
}

Result<std::vector<ProtectedPath>> parse_readonly(const ValueText& value) {
  std::vector<ProtectedPath> paths;
  const auto words = split_words(value.text);
  for (const std::string_view word : words) {
    const bool except = word.starts_with('!');
    ProtectedPath one{SL_TRY(parse_path(value, except ? word.substr(1) : word)), except};
    if (const ProtectedPath* before = find(paths, one.path); before == nullptr) {
      paths.push_back(std::move(one));
    } else if (before->except != except) {
      return fail_value(value, word, "both protected and an exception");
    }
  }
  if (paths.empty() || paths.size() > max_protected_paths) {
    return fail_value(value, value.text,
                      "expected one to " + std::to_string(max_protected_paths) +
                          " paths such as /usr/sbin, and exceptions such as !/usr/sbin/local");
  }
  for (const std::string_view word : words) {
    if (!word.starts_with('!')) continue;
    const ProtectedPath exception{SL_TRY(parse_path(value, word.substr(1))), true};
    if (!is_protected(paths, exception)) {
      return fail_value(value, word, "expected an exception below a path that is protected");
    }
  }
  return paths;
}

std::string to_string(const std::vector<ProtectedPath>& paths) {
  std::string text;
  for (const ProtectedPath& one : paths) {
    if (!text.empty()) text += ' ';
    text.append(one.except ? "!" : "").append(one.path);
  }
  return text;
}

bool is_within(std::string_view path, std::string_view above) {
  if (above == "/" || path == above) return true;
  return path.starts_with(above) && path[above.size()] == '/';
}

}  // namespace socklid::annotations
