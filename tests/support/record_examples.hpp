// SPDX-License-Identifier: Apache-2.0
//
// Records for tests: one of this version, and the same as 0.1.0 wrote it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/policy_store.hpp"

namespace socklid {

inline Saved example(const std::string& id = "web", std::uint64_t cgroup = 0x1234) {
  return {.record = {.id = id,
                     .cgroup_id = cgroup,
                     .netns = 4026532145,
                     .placement = {NetnsKind::shared, 7},
                     .object_hash = "0123456789abcdef",
                     .mark = annotations::Mark{.value = 3, .mask = 0xffffffff},
                     .rules = true,
                     .created = 1795314557,
                     .pid = 42,
                     .start_time = 123456789,
                     .view = View{31, 4026531835, 4026531836}},
          .details = {.cgroup_path = "/machine.slice/libpod-web.scope",
                      .annotations = {{"io.socklid.bind", "tcp/80"}, {"io.socklid.egress", ""}},
                      .container = "web",
                      .hooks = {"socket_create", "socket_bind"},
                      .notes = {"one", "two"}}};
}

/// As 0.1.0 wrote it.
inline constexpr std::string_view of_0_1_0 = R"({
  "annotations": { "io.kubernetes.container.name": "web", "io.socklid.bind": "tcp/80",
                   "io.socklid.egress": "" },
  "cgroup_id": 4660, "cgroup_path": "/machine.slice/libpod-web.scope", "created": 1795314557,
  "hooks": [ "socket_create", "socket_bind" ], "id": "web",
  "mark": { "mask": 4294967295, "value": 3 }, "netns": 4026532145, "network": "shared",
  "notes": [ "one", "two" ], "object_hash": "0123456789abcdef", "pid": 42, "rules": true, "slot": 7
})";

}  // namespace socklid
