// SPDX-License-Identifier: Apache-2.0
//
// OCI states as runtimes write them. Fails if the parser crashes, if a state that is good enough to
// set a container up is not good enough to remove it, if an accepted id does not make a name that
// bpffs takes and that reads back, or if a message is more than one harmless line.
#include <cstdint>
#include <cstdlib>

#include "node/container_state.hpp"
#include "store/record.hpp"
#include "system/log.hpp"
#include "tests/support/harmless.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace socklid;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto created = parse_state(text, Stage::create);
  const auto removed = parse_state(text, Stage::remove);
  if (created) {
    require(removed && *removed == *created);
    require(created->pid >= 0);
    if (const auto ready = check_ready(*created); !ready) {
      require(is_harmless_line(log_line(ready.error().message)));
    }
  } else {
    require(is_harmless_line(log_line(created.error().message)));
  }
  if (removed) {
    constexpr std::uint64_t cgroup_id = 4711;
    const std::string key = key_of(removed->id, cgroup_id);
    require(key.size() <= 255 && key.find_first_of("./") == std::string::npos);
    const auto parts = parse_key(key);
    require(parts && parts->encoded_id == encode_id(removed->id) && parts->cgroup_id == cgroup_id);
  }
  return 0;
}
