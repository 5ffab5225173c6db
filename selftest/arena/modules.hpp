// SPDX-License-Identifier: Apache-2.0
//
// Modules: kernel modules that rows need, by modprobe(8), which knows what each depends on.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace socklid::selftest {

class Modules {
 public:
  Modules() = default;
  Modules(const Modules&) = delete;
  Modules& operator=(const Modules&) = delete;
  /// Removes those that were not there before, if nobody else uses them by now.
  ~Modules();

  /// Loads it, unless it is there or built in. False if the node has none of that name.
  [[nodiscard]] bool load(std::string_view name);

  /// Of one that is built in this may be false.
  [[nodiscard]] static bool is_loaded(const std::string& module);
  /// Whether it was there; it is removed if nobody uses it, and what it needs stays.
  [[nodiscard]] static bool unload_if_loaded(const std::string& module);

 private:
  std::map<std::string, bool, std::less<>> asked_;
  std::vector<std::string> loaded_;
};

}  // namespace socklid::selftest
