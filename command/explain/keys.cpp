// SPDX-License-Identifier: Apache-2.0
//
// socklid explain --keys. Reads the table of settings and nothing else.
#include "command/explain/explain.hpp"

namespace socklid::command {

std::string keys_text() {
  std::string text = "Keys, their values and what they mean; docs: socklid-annotations(7)\n\n";
  for (const annotations::KeyInfo& key : annotations::keys()) {
    text.append(key.name).append("=").append(key.values).append("\n    ");
    text.append(key.meaning).append("\n");
  }
  return text;
}

json::Value keys_json() {
  json::Array all;
  for (const annotations::KeyInfo& key : annotations::keys()) {
    all.emplace_back(
        json::Object{{"key", key.name.view()}, {"values", key.values}, {"meaning", key.meaning}});
  }
  return json::Object{{"keys", std::move(all)}};
}

}  // namespace socklid::command
