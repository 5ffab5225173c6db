// SPDX-License-Identifier: Apache-2.0
//
// Makes pins of a build anew that were taken away. A program lives as long as a link runs it, and a
// map as long as a program uses it. The kernel finds both by their numbers.
//
//   SL_CHECK(pin_again(object_hash(), pins_of_the_container));
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace socklid {

/// Pins programs and maps of the build `hash` that are alive and not pinned any more: programs by
/// the anchors and the links pinned in the directory `links`, maps by the programs. Nothing if the
/// build has no pins at all: it is loaded anew then. Exit::unsupported names what is gone with all
/// that used it; Exit::bpf.
[[nodiscard]] Result<> pin_again(std::string_view hash, const std::string& links);

}  // namespace socklid
