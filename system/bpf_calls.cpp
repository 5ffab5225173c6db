// SPDX-License-Identifier: Apache-2.0
#include "system/bpf_calls.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/text.hpp"

namespace socklid::bpf {
namespace {

/// A union's braces make its first member zero, and the kernel asks that for all of it.
bpf_attr no_attributes() {
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof(attributes));
  return attributes;
}

/// A kernel older than our headers knows fewer attributes, and takes the others if they are zero
/// (kernel/bpf/ syscall.c, bpf_check_uarg_tail_zero).
int call(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

std::uint64_t address(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

int by_id(bpf_cmd command, std::uint32_t id) {
  bpf_attr attributes = no_attributes();
  attributes.prog_id = id;  // map_id and link_id are in the same place
  return call(command, attributes);
}

}  // namespace

int get(const std::string& path) {
  bpf_attr attributes = no_attributes();
  attributes.pathname = address(path.c_str());
  return call(BPF_OBJ_GET, attributes);
}

int pin(int fd, const std::string& path) {
  bpf_attr attributes = no_attributes();
  attributes.pathname = address(path.c_str());
  attributes.bpf_fd = static_cast<std::uint32_t>(fd);
  return call(BPF_OBJ_PIN, attributes);
}

int attach(int program, int target, bpf_attach_type type) {
  bpf_attr attributes = no_attributes();
  attributes.link_create.prog_fd = static_cast<std::uint32_t>(program);
  attributes.link_create.target_fd = static_cast<std::uint32_t>(target);
  attributes.link_create.attach_type = type;
  return call(BPF_LINK_CREATE, attributes);
}

int make_iterator(int link) {
  bpf_attr attributes = no_attributes();
  attributes.iter_create.link_fd = static_cast<std::uint32_t>(link);
  return call(BPF_ITER_CREATE, attributes);
}

int find(int map, const void* key, void* value) {
  bpf_attr attributes = no_attributes();
  attributes.map_fd = static_cast<std::uint32_t>(map);
  attributes.key = address(key);
  attributes.value = address(value);
  return call(BPF_MAP_LOOKUP_ELEM, attributes);
}

int put(int map, const void* key, const void* value, std::uint64_t flags) {
  bpf_attr attributes = no_attributes();
  attributes.map_fd = static_cast<std::uint32_t>(map);
  attributes.key = address(key);
  attributes.value = address(value);
  attributes.flags = flags;
  return call(BPF_MAP_UPDATE_ELEM, attributes);
}

int put_all(int map, const void* keys, const void* values, std::uint32_t count) {
  bpf_attr attributes = no_attributes();
  attributes.batch.map_fd = static_cast<std::uint32_t>(map);
  attributes.batch.keys = address(keys);
  attributes.batch.values = address(values);
  attributes.batch.count = count;
  return call(BPF_MAP_UPDATE_BATCH, attributes);
}

int take_batch(int map, const std::uint32_t* from, std::uint32_t* to, void* keys, void* values,
               std::uint32_t& count) {
  bpf_attr attributes = no_attributes();
  attributes.batch.map_fd = static_cast<std::uint32_t>(map);
  attributes.batch.in_batch = address(from);
  attributes.batch.out_batch = address(to);
  attributes.batch.keys = address(keys);
  attributes.batch.values = address(values);
  attributes.batch.count = count;
  const int result = call(BPF_MAP_LOOKUP_BATCH, attributes);
  count = attributes.batch.count;
  return result;
}

int erase(int map, const void* key) {
  bpf_attr attributes = no_attributes();
  attributes.map_fd = static_cast<std::uint32_t>(map);
  attributes.key = address(key);
  return call(BPF_MAP_DELETE_ELEM, attributes);
}

int next_key(int map, const void* key, void* next) {
  bpf_attr attributes = no_attributes();
  attributes.map_fd = static_cast<std::uint32_t>(map);
  attributes.key = address(key);
  attributes.next_key = address(next);
  return call(BPF_MAP_GET_NEXT_KEY, attributes);
}

int program_by_id(std::uint32_t id) {
  return by_id(BPF_PROG_GET_FD_BY_ID, id);
}
int map_by_id(std::uint32_t id) {
  return by_id(BPF_MAP_GET_FD_BY_ID, id);
}
int link_by_id(std::uint32_t id) {
  return by_id(BPF_LINK_GET_FD_BY_ID, id);
}

int next_link(std::uint32_t& id) {
  bpf_attr attributes = no_attributes();
  attributes.start_id = id;
  const int error = call(BPF_LINK_GET_NEXT_ID, attributes);
  if (error == 0) id = attributes.next_id;
  return error;
}

int info(int fd, void* info, std::size_t size) {
  bpf_attr attributes = no_attributes();
  attributes.info.bpf_fd = static_cast<std::uint32_t>(fd);
  attributes.info.info_len = static_cast<std::uint32_t>(size);
  attributes.info.info = address(info);
  return call(BPF_OBJ_GET_INFO_BY_FD, attributes);
}

int run(int program, void* context, std::size_t size, std::uint32_t& result) {
  bpf_attr attributes = no_attributes();
  attributes.test.prog_fd = static_cast<std::uint32_t>(program);
  attributes.test.ctx_in = address(context);
  attributes.test.ctx_size_in = static_cast<std::uint32_t>(size);
  const int error = call(BPF_PROG_TEST_RUN, attributes);
  if (error == 0) result = attributes.test.retval;
  return error;
}

std::size_t count_cpus(std::string_view list) {
  if (list.ends_with('\n')) list.remove_suffix(1);
  std::size_t count = 0;
  for (const std::string_view range : split(list, ',')) {
    const std::size_t dash = range.find('-');
    const auto first = parse_number<std::size_t>(range.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_number<std::size_t>(range.substr(dash + 1));
    if (!first || !last || *last < *first) return 0;
    count += *last - *first + 1;
  }
  return count;
}

}  // namespace socklid::bpf
