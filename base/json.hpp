// SPDX-License-Identifier: Apache-2.0
//
// JSON as a plain value. The only file that knows RapidJSON is json.cpp.
//
//   const json::Value state = SL_TRY(json::parse(text));
//   if (const json::Value* id = state.find("id"); id && id->is_string()) use(id->string());
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace socklid::json {

class Value;
using Array = std::vector<Value>;
/// Sorted by key, so that what we print is stable; duplicate keys do not survive parse().
using Object = std::map<std::string, Value, std::less<>>;

class Value {
 public:
  Value() = default;  // null
  // NOLINTBEGIN(google-explicit-constructor): a value is written as one writes it in JSON.
  Value(bool value) : data_(value) {}
  Value(std::int64_t value) : data_(value) {}
  Value(int value) : data_(std::int64_t{value}) {}
  Value(std::uint32_t value) : data_(std::int64_t{value}) {}
  Value(std::uint64_t value) : data_(static_cast<std::int64_t>(value)) {}
  Value(double value) : data_(value) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(std::string_view value) : data_(std::string(value)) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(Array value) : data_(std::move(value)) {}
  Value(Object value) : data_(std::move(value)) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  [[nodiscard]] bool is_bool() const { return std::holds_alternative<bool>(data_); }
  /// A number written without fraction or exponent that fits int64.
  [[nodiscard]] bool is_integer() const { return std::holds_alternative<std::int64_t>(data_); }
  [[nodiscard]] bool is_string() const { return std::holds_alternative<std::string>(data_); }
  [[nodiscard]] bool is_array() const { return std::holds_alternative<Array>(data_); }
  [[nodiscard]] bool is_object() const { return std::holds_alternative<Object>(data_); }

  /// Each of these requires the matching is_*().
  [[nodiscard]] bool boolean() const { return std::get<bool>(data_); }
  [[nodiscard]] std::int64_t integer() const { return std::get<std::int64_t>(data_); }
  [[nodiscard]] const std::string& string() const { return std::get<std::string>(data_); }
  [[nodiscard]] const Array& array() const { return std::get<Array>(data_); }
  [[nodiscard]] const Object& object() const { return std::get<Object>(data_); }

  /// The member `key` of an object; null if there is none or this is no object.
  [[nodiscard]] const Value* find(std::string_view key) const;
  /// The member `key` if it is a string (or an integer), else nothing.
  [[nodiscard]] std::optional<std::string> find_string(std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> find_integer(std::string_view key) const;

  /// "null", "a boolean", "a number", "a string", "an array", "an object": for error messages.
  [[nodiscard]] std::string_view type_name() const;

  /// For writer in json.cpp.
  using Data = std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object>;
  [[nodiscard]] const Data& data() const { return data_; }

  friend bool operator==(const Value&, const Value&) = default;

 private:
  Data data_;
};

/// Parses one JSON document (RFC 8259, UTF-8 checked) with nothing but white space around it.
/// Nesting deeper than 64, duplicate keys, NUL bytes and invalid UTF-8 are errors.
/// Errors (Exit::state; the caller wraps) name the byte, counted from 1, at or just after which the
/// text went wrong: "at byte 17: Missing a comma ...". The text itself is never part of the
/// message.
[[nodiscard]] Result<Value> parse(std::string_view text);

/// Compact, one line, or indented by two spaces. Nothing but printable ASCII and the newlines of
/// the second: other characters are written as \uXXXX, which reads back as the same string, and NUL
/// and bytes that are not UTF-8, which parse() never makes, as the text \xHH (I11). NaN and the
/// infinities, which it does not make either, are written as null.
[[nodiscard]] std::string to_string(const Value& value);
[[nodiscard]] std::string to_pretty_string(const Value& value);

}  // namespace socklid::json
