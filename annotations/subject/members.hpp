// SPDX-License-Identifier: Apache-2.0
//
// The members of a subject, whoever wrote them: the value of its annotation, or a document. A
// member that is a key is read by that key's row (annotations/settings.cpp); inherit, hours and
// zone have rows of their own. Internal to annotations/.
//
//   const Member member = SL_TRY(find_member("io.socklid.subject.sshd: bind", "bind"));
//   SL_CHECK(member.read({.key = "io.socklid.subject.sshd: bind", .text = "tcp/22"}, subject));
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "annotations/settings.hpp"
#include "annotations/subject.hpp"

namespace socklid::annotations {

/// A member that is no key.
struct OwnMember {
  std::string_view name;
  Setting::Json json{Setting::Json::string};
  bool is_list{false};
  Result<> (*read)(const ValueText& value, Subject& subject);
  /// Whether it is another one than the default subject's.
  bool (*given)(const Subject& subject);
  std::string (*print)(const Subject& subject);
};
[[nodiscard]] std::span<const OwnMember> own_members();

/// One of the two.
struct Member {
  const Setting* setting{nullptr};
  const OwnMember* own{nullptr};

  [[nodiscard]] std::string_view name() const;
  [[nodiscard]] Setting::Json json() const { return setting ? setting->json : own->json; }
  /// Whether a '+' stands for a space in its value, where it has one within a subject's.
  [[nodiscard]] bool has_items() const { return setting != nullptr || own->is_list; }
  /// Errors: Exit::annotation.
  [[nodiscard]] Result<> read(const ValueText& value, Subject& subject) const;
};

/// Errors: Exit::annotation: LABEL: unknown member; did you mean bind?
[[nodiscard]] Result<Member> find_member(std::string_view label, std::string_view name);

/// The programs of a subject, `value.text` being EXEC. Errors: Exit::annotation.
[[nodiscard]] Result<> read_exec(const ValueText& value, Subject& subject);

/// A subject of which all members are read. Errors: Exit::annotation, beginning with `label`.
[[nodiscard]] Result<> check_subject(std::string_view label, const Subject& subject);

}  // namespace socklid::annotations
