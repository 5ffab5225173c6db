// SPDX-License-Identifier: Apache-2.0
//
// The only file that knows RapidJSON. Parsing is iterative (hostile input can't use up the stack)
// and goes through a handler of ours, which sees what RapidJSON's own document would let pass:
// duplicate keys, depth, NUL.
#include "base/json.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace socklid::json {
namespace {

constexpr std::size_t max_depth = 64;

/// Builds a Value from RapidJSON's events; a handler that returns false stops the parse.
class Builder {
 public:
  using Ch = char;

  bool Null() { return add({}); }
  bool Bool(bool value) { return add(value); }
  // Numbers come as text (kParseNumbersAsStringsFlag), because RapidJSON 1.1 either rounds them a
  // little off or, in full precision, counts the leading zeros of a zero.
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    if (const auto integer = parse_number<std::int64_t>({text, size})) return add(*integer);
    const char* end = text + size;
    double number = 0;
    const auto result = std::from_chars(text, end, number);
    return result.ec == std::errc{} && result.ptr == end ? add(number)
                                                         : reject("Number out of range.");
  }
  bool Int(int) { return reject(unexpected_number); }
  bool Uint(unsigned) { return reject(unexpected_number); }
  bool Int64(std::int64_t) { return reject(unexpected_number); }
  bool Uint64(std::uint64_t) { return reject(unexpected_number); }
  bool Double(double) { return reject(unexpected_number); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    std::string value(text, size);
    return is_text(value) && add(std::move(value));
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    std::string key(text, size);
    if (!is_text(key)) return false;
    if (open_.back().object.contains(key)) return reject("Duplicate name in an object.");
    open_.back().key = std::move(key);
    return true;
  }
  bool StartObject() { return start(); }
  bool EndObject(rapidjson::SizeType) {
    Value object(std::move(open_.back().object));
    open_.pop_back();
    return add(std::move(object));
  }
  bool StartArray() { return start(); }
  bool EndArray(rapidjson::SizeType) {
    Value array(std::move(open_.back().array));
    open_.pop_back();
    return add(std::move(array));
  }

  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] Value take() { return std::move(root_); }

 private:
  static constexpr const char* unexpected_number = "Unexpected number.";

  /// An object or array whose end has not come yet; `key` awaits its value, nothing in an array.
  struct Open {
    Object object;
    Array array;
    std::optional<std::string> key;
  };

  /// What escapes may smuggle past the checks on the document's own bytes.
  bool is_text(std::string_view decoded) {
    if (decoded.find('\0') != std::string_view::npos) return reject("NUL in a string.");
    // RapidJSON 1.1 takes a lone \udc00 and encodes it as ED B0 80, which is not UTF-8.
    for (auto at = decoded.find('\xed'); at != std::string_view::npos;
         at = decoded.find('\xed', at + 1)) {
      if (static_cast<unsigned char>(decoded[at + 1]) >= 0xa0) {
        return reject("Half a surrogate pair in a string.");
      }
    }
    return true;
  }
  bool start() {
    if (open_.size() == max_depth) return reject("Nesting deeper than 64.");
    open_.emplace_back();
    return true;
  }
  bool add(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Open& parent = open_.back(); parent.key) {
      parent.object.emplace(std::move(*parent.key), std::move(value));
      parent.key.reset();
    } else {
      parent.array.push_back(std::move(value));
    }
    return true;
  }
  bool reject(const char* reason) {
    reason_ = reason;
    return false;
  }

  Value root_;
  std::vector<Open> open_;
  std::string reason_;
};

Failure fail_at(std::size_t offset, std::string_view reason) {
  return fail(Exit::state, "at byte " + std::to_string(offset + 1) + ": " + std::string(reason),
              {.byte = static_cast<std::uint32_t>(offset + 1)});
}

rapidjson::SizeType size_of(const std::string& text) {
  return static_cast<rapidjson::SizeType>(text.size());
}

/// What is not ASCII is written as escapes: no reader can take it for something else, and no
/// terminal obeys it.
template <template <typename, typename, typename, typename, unsigned> typename Writer>
using AsciiWriter = Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::ASCII<>,
                           rapidjson::CrtAllocator, rapidjson::kWriteDefaultFlags>;

/// RapidJSON writes DEL, the one control character of ASCII outside C0, as it is.
std::string text_of(const rapidjson::StringBuffer& buffer) {
  std::string text;
  text.reserve(buffer.GetSize());
  for (const char c : std::string_view(buffer.GetString(), buffer.GetSize())) {
    if (c == '\x7f') {
      text += "\\u007f";
    } else {
      text += c;
    }
  }
  return text;
}

/// Recursion is fine here: what we write, we built, and parse() limits the rest to 64 levels.
template <typename Writer>
void write(Writer& writer, const Value& value) {
  if (value.is_null()) {
    writer.Null();
  } else if (value.is_bool()) {
    writer.Bool(value.boolean());
  } else if (value.is_integer()) {
    writer.Int64(value.integer());
  } else if (value.is_string()) {
    const std::string text = as_utf8(value.string());
    writer.String(text.data(), size_of(text));
  } else if (value.is_array()) {
    writer.StartArray();
    for (const Value& element : value.array()) write(writer, element);
    writer.EndArray();
  } else if (value.is_object()) {
    writer.StartObject();
    for (const auto& [key, member] : value.object()) {
      const std::string name = as_utf8(key);
      writer.Key(name.data(), size_of(name));
      write(writer, member);
    }
    writer.EndObject();
  } else if (const double number = std::get<double>(value.data()); std::isfinite(number)) {
    writer.Double(number);
  } else {
    writer.Null();  // JSON has no other word for it
  }
}

}  // namespace

const Value* Value::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  const auto found = object().find(key);
  return found == object().end() ? nullptr : &found->second;
}

std::optional<std::string> Value::find_string(std::string_view key) const {
  const Value* member = find(key);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return member->string();
}

std::optional<std::int64_t> Value::find_integer(std::string_view key) const {
  const Value* member = find(key);
  if (member == nullptr || !member->is_integer()) return std::nullopt;
  return member->integer();
}

std::string_view Value::type_name() const {
  if (is_null()) return "null";
  if (is_bool()) return "a boolean";
  if (is_string()) return "a string";
  if (is_array()) return "an array";
  if (is_object()) return "an object";
  return "a number";
}

Result<Value> parse(std::string_view text) {
  // RapidJSON takes a NUL byte for the end of the text and would not look behind it.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return fail_at(nul, "NUL byte.");
  }
  if (text.empty()) return fail_at(0, "The document is empty.");

  constexpr unsigned flags = rapidjson::kParseIterativeFlag |
                             rapidjson::kParseNumbersAsStringsFlag |
                             rapidjson::kParseValidateEncodingFlag;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  Builder builder;
  if (const auto result = reader.Parse<flags>(stream, builder); result.IsError()) {
    return fail_at(result.Offset(),
                   builder.reason().empty()
                       ? std::string_view(rapidjson::GetParseError_En(result.Code()))
                       : builder.reason());
  }
  return builder.take();
}

std::string to_string(const Value& value) {
  rapidjson::StringBuffer buffer;
  AsciiWriter<rapidjson::Writer> writer(buffer);
  write(writer, value);
  return text_of(buffer);
}

std::string to_pretty_string(const Value& value) {
  rapidjson::StringBuffer buffer;
  AsciiWriter<rapidjson::PrettyWriter> writer(buffer);
  writer.SetIndent(' ', 2);
  write(writer, value);
  return text_of(buffer);
}

}  // namespace socklid::json
