// SPDX-License-Identifier: Apache-2.0
//
// OwnText: a text of this program's, and of nobody else. Only a string literal can become one, at
// compile time, so that whatever is made of OwnText and numbers says nothing that an image, a pod's
// author or a container wrote (I11).
//
//   constexpr OwnText policy_key = "io.socklid.policy";
//   OwnText key = some_string;  // does not compile
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>

namespace socklid {

class OwnText {
 public:
  constexpr OwnText() = default;
  template <std::size_t size>
  // NOLINTNEXTLINE(google-explicit-constructor): a text is written as one writes it.
  consteval OwnText(const char (&literal)[size]) : text_(literal, size - 1) {}

  [[nodiscard]] constexpr std::string_view view() const { return text_; }
  [[nodiscard]] constexpr bool empty() const { return text_.empty(); }
  // NOLINTNEXTLINE(google-explicit-constructor): every OwnText is a text.
  constexpr operator std::string_view() const { return text_; }

  friend constexpr bool operator==(const OwnText&, const OwnText&) = default;
  template <typename Text>
  requires(std::convertible_to<const Text&, std::string_view> &&
           !std::same_as<Text, OwnText>) friend constexpr bool
  operator==(const OwnText& own, const Text& other) {
    return own.text_ == std::string_view(other);
  }

 private:
  std::string_view text_;
};

}  // namespace socklid
