// SPDX-License-Identifier: Apache-2.0
//
// guard/object/object.hpp for a program without libbpf: socklid-hook-load, which is installed
// beside it, does the work.
#include "guard/guard.hpp"
#include "guard/object/object.hpp"
#include "system/child.hpp"

namespace socklid {

Result<> load_object(const std::string& directory) {
  return in_program(SL_TRY(path_beside("socklid-hook-load")), {object_hash(), directory});
}

}  // namespace socklid
