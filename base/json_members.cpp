// SPDX-License-Identifier: Apache-2.0
#include "base/json_members.hpp"

#include <algorithm>

#include "base/json.hpp"

namespace socklid::json {
namespace {

using Visit = std::function<void(const Path& path, std::string_view token)>;

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool ends_word(char c) {
  return is_space(c) || c == ',' || c == ':' || c == ']' || c == '}' || c == '[' || c == '{' ||
         c == '"';
}

class Scanner {
 public:
  Scanner(std::string_view text, std::size_t depth, const Visit& visit)
      : text_(text), depth_(depth), visit_(visit) {}

  Result<> run() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (is_space(c)) continue;
      if (done_) return bad("Something behind the document.");
      SL_CHECK(step(c));
    }
    return done_ ? Result<>{} : bad("The document ends too soon.");
  }

 private:
  Result<> step(char c) {
    switch (c) {
      case '{':
      case '[':
        return open(c);
      case '}':
      case ']':
        return close(c == '}' ? '{' : '[');
      case ':':
        if (in_array() || !named_) return bad("A colon without a name.");
        return {};
      case ',':
        if (open_.empty()) return bad("A comma outside of all.");
        named_ = false;
        return {};
      default:
        return token(c);
    }
  }

  [[nodiscard]] bool in_array() const { return open_.empty() || open_.back() == '['; }
  /// Whether a string here is the name of a member.
  [[nodiscard]] bool expects_name() const { return !in_array() && !named_; }
  /// Names are kept for what is told of only.
  [[nodiscard]] bool is_told() const { return open_.size() <= depth_; }

  Result<> open(char c) {
    if (expects_name()) return bad("A member without a name.");
    open_.push_back(c);
    if (is_told()) path_.emplace_back();
    named_ = false;
    return {};
  }

  Result<> close(char opened) {
    if (open_.empty() || open_.back() != opened) return bad("A bracket that closes nothing.");
    if (is_told()) path_.pop_back();
    open_.pop_back();
    named_ = true;
    done_ = open_.empty();
    return {};
  }

  /// Leaves `at_` on the last byte.
  Result<> token(char c) {
    const std::size_t begin = at_;
    if (c == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\') ++at_;
      }
      if (at_ >= text_.size()) return bad("A string without an end.");
    } else {
      while (at_ + 1 < text_.size() && !ends_word(text_[at_ + 1])) ++at_;
    }
    const std::string_view whole = text_.substr(begin, at_ + 1 - begin);
    if (expects_name()) {
      if (c != '"') return bad("A name that is no string.");
      if (is_told()) path_.back() = parse_string(whole).value_or("");
      named_ = true;
      return {};
    }
    if (is_told()) visit_(path_, whole);
    done_ = open_.empty();
    return {};
  }

  Result<> bad(std::string_view reason) const {
    return fail(Exit::state, "at byte ", std::min(at_, text_.size()) + 1, ": ", reason);
  }

  std::string_view text_;
  std::size_t depth_;
  const Visit& visit_;
  std::size_t at_{0};
  std::string open_;  ///< brackets whose other half has not come yet
  Path path_;
  bool named_{false};  ///< the name of the member that comes has been read
  bool done_{false};
};

}  // namespace

Result<> for_each_member(std::string_view text, std::size_t depth, const Visit& visit) {
  return Scanner(text, depth, visit).run();
}

Result<std::vector<std::string_view>> elements(std::string_view text) {
  std::vector<std::string_view> all;
  std::size_t depth = 0;
  std::size_t begin = 0;
  const auto end_element = [&](std::size_t end) {
    std::size_t from = begin;
    while (from < end && is_space(text[from])) ++from;
    if (from < end) all.push_back(text.substr(from, end - from));
    begin = end + 1;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (is_space(c)) continue;
    if (depth == 0 && (c != '[' || begin != 0)) break;
    if (c == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\' ? 1 : 0;
    } else if (c == '[' || c == '{') {
      if (depth++ == 0) begin = at + 1;
    } else if (c == ']' || c == '}') {
      if (--depth > 0) continue;
      end_element(at);
      if (text.find_first_not_of(" \t\r\n", begin) == std::string_view::npos) return all;
      break;
    } else if (c == ',' && depth == 1) {
      end_element(at);
    }
  }
  return fail(Exit::state, "expected an array, and nothing behind it");
}

std::optional<std::string> parse_string(std::string_view token) {
  // Most are plain, and need no parser.
  const bool plain = token.size() >= 2 && token.front() == '"' && token.back() == '"' &&
                     std::all_of(token.begin() + 1, token.end() - 1, [](char c) {
                       return c >= ' ' && c <= '~' && c != '"' && c != '\\';
                     });
  if (plain) return std::string(token.substr(1, token.size() - 2));
  const auto value = parse(token);
  if (!value || !value->is_string()) return std::nullopt;
  return value->string();
}

std::optional<std::int64_t> parse_integer(std::string_view token) {
  const auto value = parse(token);
  if (!value || !value->is_integer()) return std::nullopt;
  return value->integer();
}

}  // namespace socklid::json
