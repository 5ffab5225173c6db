// SPDX-License-Identifier: Apache-2.0
//
// What a state says against what the bundle's config.json says. runc keeps annotations as labels
// KEY=VALUE, and makes the state by taking each apart at its first "=" (libcontainer/utils:
// Annotations). So whoever writes the key "io.socklid.readonly=/a" with the value "b" has written
// io.socklid.readonly, and of two of one name either may stand in the state.
//
//   SL_CHECK(check_no_split_key(state));
#pragma once

#include <string_view>

#include "annotations/parser.hpp"
#include "base/result.hpp"
#include "node/container_state.hpp"

namespace socklid {

/// Whether an annotation that counts, ours or an engine's word of itself, may be half a key: there
/// is a "=" in its value. Most containers have none.
[[nodiscard]] bool may_be_split(const annotations::Annotations& annotations);

/// Each of these stands in `config`, the text of a config.json, word for word. Of a name that comes
/// twice there the last one counts, as for runtimes. Errors: Exit::annotation, naming the key;
/// Exit::state, if `config` is no JSON.
[[nodiscard]] Result<> check_no_split_key(const annotations::Annotations& annotations,
                                          std::string_view config);

/// The same with the file, which is read only if may_be_split(). Not where the state names no
/// bundle, or "/" as crun does in a user namespace: runc names one. Also Exit::state, if the file
/// cannot be read.
[[nodiscard]] Result<> check_no_split_key(const ContainerState& container);

}  // namespace socklid
