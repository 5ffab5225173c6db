// SPDX-License-Identifier: Apache-2.0
//
// The words of io.socklid.deputies. DEPUTIES := LIST of NAME, where NAME is what the kernel may do
// on the container's behalf:
//
//   keys      ask the host for keys: request_key(2) with an upcall
//   mounts    mount file systems of the network (nfs, cifs, ceph) and of its own servers (nfsd)
//   sysfs     change devices, and send, as files of sysfs, configfs and /proc/net tell it
//   sysctl    route, answer and choose ports as sysctls of net/ tell it
//
// An empty list opens none, as no key does: a policy that restricts the network closes them all.
#pragma once

#include <string>

#include "annotations/value_text.hpp"
#include "base/result.hpp"

namespace socklid::annotations {

struct Deputies {
  bool keys{false};
  bool mounts{false};
  bool sysfs{false};
  bool sysctl{false};

  friend bool operator==(const Deputies&, const Deputies&) = default;
};

/// Errors: Exit::annotation, from fail_value().
[[nodiscard]] Result<Deputies> parse_deputies(const ValueText& value);

/// With one space between words.
[[nodiscard]] std::string to_string(const Deputies& deputies);

}  // namespace socklid::annotations
