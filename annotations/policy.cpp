// SPDX-License-Identifier: Apache-2.0
#include "annotations/policy.hpp"

#include "annotations/settings.hpp"
#include "annotations/subject.hpp"
#include "base/text.hpp"

namespace socklid::annotations {

Policy::Policy() = default;
Policy::~Policy() = default;
Policy::Policy(const Policy&) = default;
Policy::Policy(Policy&&) noexcept = default;
Policy& Policy::operator=(const Policy&) = default;
Policy& Policy::operator=(Policy&&) noexcept = default;
bool operator==(const Policy& one, const Policy& other) = default;

Keys given_keys(const Policy& policy) {
  Keys keys;
  for (const Setting& setting : settings()) {
    if (setting.given(policy)) keys |= {setting.key};
  }
  return keys;
}

bool restricts(const Policy& policy) {
  return !(given_keys(policy) & restricting_keys).empty();
}

const Endpoints& named(const std::optional<Endpoints>& setting) {
  static const Endpoints none;
  return setting ? *setting : none;
}

std::vector<Written> written(const Policy& policy) {
  std::vector<Written> all;
  for (const Setting& setting : settings()) {
    if (setting.key == Key::subject) {
      for (const Subject& subject : policy.subjects) {
        all.push_back({concat(stem_of(setting.info), ".", subject.name), to_string(subject)});
      }
    } else if (setting.given(policy)) {
      all.push_back({std::string(setting.info.name.view()), setting.print(policy)});
    }
  }
  return all;
}

std::string to_string(const Policy& policy) {
  std::string text;
  for (const Written& one : written(policy)) {
    text.append(one.key).append(": ").append(one.value).append("\n");
  }
  return text;
}

}  // namespace socklid::annotations
