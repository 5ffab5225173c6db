// SPDX-License-Identifier: Apache-2.0
#include "guard/object/events.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "base/unique_fd.hpp"
#include "guard/pins.hpp"

namespace socklid {
namespace {

using Tell = std::function<void(const sl_event&)>;

int tell_one(void* context, void* data, std::size_t size) {
  sl_event event{};
  // Those of a build without runs of subjects are shorter.
  if (size < offsetof(sl_event, run)) return 0;
  std::memcpy(&event, data, std::min(size, sizeof(event)));
  event.command[sizeof(event.command) - 1] = '\0';
  (*static_cast<const Tell*>(context))(event);
  return 0;
}

}  // namespace

Result<> read_events(const std::vector<std::string>& hashes, bool follow, const Tell& tell) {
  std::vector<UniqueFd> maps;
  std::unique_ptr<ring_buffer, decltype(&ring_buffer__free)> rings(nullptr, ring_buffer__free);
  for (const std::string& hash : hashes) {
    const std::string path = pins::directory(hash) + "/" + pins::events;
    UniqueFd map(bpf_obj_get(path.c_str()));
    if (!map && errno == ENOENT) continue;  // of a build without events
    if (!map) return fail_errno(Exit::bpf, "open " + path);
    void* const context = const_cast<Tell*>(&tell);
    if (!rings) {
      rings.reset(ring_buffer__new(map.get(), tell_one, context, nullptr));
      if (!rings) return fail_errno(Exit::bpf, "read " + path);
    } else if (const int error = ring_buffer__add(rings.get(), map.get(), tell_one, context)) {
      return fail_errno(Exit::bpf, "read " + path, -error);
    }
    maps.push_back(std::move(map));
  }
  if (!rings) return {};
  int done = ring_buffer__consume(rings.get());
  while (follow && (done >= 0 || done == -EINTR)) done = ring_buffer__poll(rings.get(), -1);
  if (done < 0) return fail_errno(Exit::bpf, "read the events", -done);
  return {};
}

}  // namespace socklid
