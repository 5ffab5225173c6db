// SPDX-License-Identifier: Apache-2.0
#include "command/toml.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 32
#include <toml++/toml.h>

namespace socklid::command {
namespace {

using Made = TomlValue::Made;

constexpr std::size_t longest_key = 32;

/// Goes through a document and counts the parts of its dotted keys. toml++ 3.3 has no limit for
/// them: of a key with a hundred thousand it makes as many tables, one in the other, and takes them
/// away by recursion.
class KeyMeter {
 public:
  /// The line of the first key that is too long, from 1 on; nothing if none is.
  [[nodiscard]] std::optional<std::size_t> find_too_long(std::string_view text) {
    std::size_t line = 1;
    while (!text.empty()) {
      const std::ptrdiff_t taken = step(text);
      if (parts_ > longest_key) return line;
      line += static_cast<std::size_t>(std::count(text.begin(), text.begin() + taken, '\n'));
      text.remove_prefix(static_cast<std::size_t>(taken));
    }
    return std::nullopt;
  }

 private:
  /// How much of `text` is one character, string or comment.
  std::ptrdiff_t step(std::string_view text) {
    switch (text.front()) {
      case '"':
      case '\'':
        return length_of_string(text);
      case '#':
        return static_cast<std::ptrdiff_t>(std::min(text.find('\n'), text.size()));
      case '.':
        ++parts_;
        return 1;
      case '\n':
      case '=':
      case ',':
      case '{':
      case '[':
        parts_ = 1;
        return 1;
      default:
        return 1;
    }
  }

  /// With its quotes; to the end of `text`, or of the line, if it has none.
  static std::ptrdiff_t length_of_string(std::string_view text) {
    const char quote = text.front();
    const std::string three(3, quote);
    const bool long_one = text.starts_with(three);
    const std::string_view end = long_one ? std::string_view(three) : text.substr(0, 1);
    std::size_t at = end.size();
    while (at < text.size() && !text.substr(at).starts_with(end)) {
      if (!long_one && text[at] == '\n') return static_cast<std::ptrdiff_t>(at);
      if (quote == '"' && text[at] == '\\') ++at;
      ++at;
    }
    at += end.size();
    // A long one may end in quotes of its own.
    while (long_one && at < text.size() && text[at] == quote) ++at;
    return static_cast<std::ptrdiff_t>(std::min(at, text.size()));
  }

  std::size_t parts_{1};
};

/// The names of the header on this line; none if it is not the header of a table.
TomlPath path_of_header(std::string_view line) {
  TomlPath path;
  if (!trimmed(line).starts_with('[')) return path;
  const auto parsed = toml::parse(line);
  if (!parsed) return path;
  for (const toml::table* table = &parsed.table(); table != nullptr && table->size() == 1;) {
    path.emplace_back(table->begin()->first.str());
    table = table->begin()->second.as_table();
  }
  return path;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : lines_(split(text, '\n')) {}

  TomlValue read(const toml::node& node, const TomlPath& path) const {
    TomlValue value;
    value.begin = line_of(node.source().begin);
    value.end = line_of(node.source().end) + 1;
    if (const toml::table* const table = node.as_table()) {
      value.is_inline = table->is_inline();
      value.made = path.empty() ? Made::header : made(value, path);
      for (const auto& [key, member] : *table) {
        TomlPath below = path;
        below.emplace_back(key.str());
        value.members.emplace(key.str(), read(member, below));
      }
    } else if (const toml::array* const array = node.as_array()) {
      value.kind = TomlValue::Kind::array;
      for (const toml::node& item : *array) value.items.push_back(read(item, {""}));
    } else if (const auto* const string = node.as_string()) {
      value.kind = TomlValue::Kind::string;
      value.string = string->get();
    } else if (const auto* const integer = node.as_integer()) {
      value.kind = TomlValue::Kind::integer;
      value.integer = integer->get();
    } else if (const auto* const boolean = node.as_boolean()) {
      value.kind = TomlValue::Kind::boolean;
      value.boolean = boolean->get();
    } else {
      value.kind = TomlValue::Kind::other;
    }
    return value;
  }

 private:
  static std::size_t line_of(const toml::source_position& position) {
    return position.line > 0 ? position.line - 1 : 0;
  }

  [[nodiscard]] Made made(const TomlValue& table, const TomlPath& path) const {
    if (table.is_inline || table.begin >= lines_.size()) return Made::key;
    const TomlPath header = path_of_header(lines_[table.begin]);
    if (header == path) return Made::header;
    const bool above =
        header.size() > path.size() && std::equal(path.begin(), path.end(), header.begin());
    return above ? Made::above : Made::key;
  }

  std::vector<std::string_view> lines_;
};

}  // namespace

const TomlValue* TomlValue::find(std::string_view key) const {
  const auto found = members.find(key);
  return found == members.end() ? nullptr : &found->second;
}

std::vector<std::string> TomlValue::strings() const {
  if (kind == Kind::string) return {string};
  std::vector<std::string> all;
  for (const TomlValue& item : items) {
    if (item.kind == Kind::string) all.push_back(item.string);
  }
  return all;
}

Result<TomlValue> parse_toml(std::string_view text) {
  if (const auto line = KeyMeter().find_too_long(text)) {
    return fail(Exit::usage, "line ", *line, ": a key of more than ", longest_key, " parts");
  }
  const auto parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(Exit::usage, "line ", error.source().begin.line, ": ",
                printable(error.description()));
  }
  return Reader(text).read(parsed.table(), {});
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out.append("\\u00").append(byte < 0x10 ? "0" : "").append(hexadecimal(byte));
    } else {
      out += c;
    }
  }
  return out += '"';
}

}  // namespace socklid::command
