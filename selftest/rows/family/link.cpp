// SPDX-License-Identifier: Apache-2.0
//
// Sockets that hand whole frames to the interface: no rule of the namespace's sees them.
#include <net/if.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>

#include <atomic>
#include <cstring>
#include <string>

#include "selftest/rows/family/family.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome packet_raw(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_PACKET, SOCK_RAW);
  if (!fd) return failed("socket");
  if (!send_data(fd.get(), frame_to_target(scene), link_address(scene))) return failed("sendto");
  return {};
}

Outcome packet_bypassing_qdisc(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_PACKET, SOCK_RAW);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, 1)) return failed("setsockopt");
  if (!send_data(fd.get(), frame_to_target(scene), link_address(scene))) return failed("sendto");
  return {};
}

Outcome packet_dgram(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_PACKET, SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!send_data(fd.get(), packet_to_target(scene), link_address(scene))) return failed("sendto");
  return {};
}

/// socket(2) makes AF_PACKET of it (net/socket.c: __sock_create).
Outcome packet_of_inet(const Scene& scene) {
  sockaddr_pkt link{};
  link.spkt_family = AF_INET;
  link.spkt_protocol = htons(ethernet_type(scene));
  char name[IF_NAMESIZE]{};
  if (::if_indextoname(scene.interface, name) == nullptr) return failed("if_indextoname");
  std::memcpy(link.spkt_device, name, sizeof(link.spkt_device) - 1);
  const UniqueFd fd = open_socket(AF_INET, SOCK_PACKET, htons(ETH_P_ALL));
  if (!fd) return failed("socket");
  if (!send_data(fd.get(), frame_to_target(scene), as_address(link))) return failed("sendto");
  return {};
}

/// Memory shared with the kernel, unmapped in the end.
class Mapping {
 public:
  Mapping(std::size_t size, int fd, off_t offset)
      : size_(size),
        data_(::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, offset)) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (*this) ::munmap(data_, size_);
  }
  explicit operator bool() const { return data_ != MAP_FAILED; }
  [[nodiscard]] char* at(std::size_t offset) const { return static_cast<char*>(data_) + offset; }

 private:
  std::size_t size_;
  void* data_;
};

/// The frame lies in the ring; the send names nobody and carries nothing.
Outcome packet_ring(const Scene& scene) {
  constexpr std::size_t ring_size = 4096;
  const UniqueFd fd = open_socket(AF_PACKET, SOCK_RAW);
  if (!fd) return failed("socket");
  tpacket_req request{};
  request.tp_block_size = ring_size;
  request.tp_block_nr = 1;
  request.tp_frame_size = ring_size;
  request.tp_frame_nr = 1;
  if (::setsockopt(fd.get(), SOL_PACKET, PACKET_TX_RING, &request, sizeof(request)) != 0) {
    return failed("PACKET_TX_RING");
  }
  const Mapping ring(ring_size, fd.get(), 0);
  if (!ring) return failed("mmap");
  if (!bind_to(fd.get(), link_address(scene))) return failed("bind");
  const std::string frame = frame_to_target(scene);
  tpacket_hdr header{};
  header.tp_status = TP_STATUS_SEND_REQUEST;
  header.tp_len = static_cast<unsigned>(frame.size());
  std::memcpy(ring.at(TPACKET_ALIGN(sizeof(header))), frame.data(), frame.size());
  std::memcpy(ring.at(0), &header, sizeof(header));
  if (::send(fd.get(), nullptr, 0, 0) < 0) return failed("send");
  return {};
}

/// Registers `memory` and gives the socket its rings (Documentation/networking/af_xdp.rst).
bool set_up_rings(int fd, const Mapping& memory, std::size_t size) {
  constexpr int ring_entries = 4;
  xdp_umem_reg umem{};
  umem.addr = reinterpret_cast<std::uintptr_t>(memory.at(0));  // NOLINT
  umem.len = size;
  umem.chunk_size = static_cast<__u32>(size);
  return ::setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)) == 0 &&
         set_option(fd, SOL_XDP, XDP_UMEM_FILL_RING, ring_entries) &&
         set_option(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, ring_entries) &&
         set_option(fd, SOL_XDP, XDP_TX_RING, ring_entries);
}

Outcome xdp_frame(const Scene& scene) {
  constexpr std::size_t page = 4096;
  const UniqueFd fd = open_socket(AF_XDP, SOCK_RAW);
  if (!fd) return failed("socket");
  const Mapping memory(page, -1, 0);
  if (!memory || !set_up_rings(fd.get(), memory, page)) return failed("XDP_UMEM_REG");
  xdp_mmap_offsets offsets{};
  socklen_t length = sizeof(offsets);
  if (::getsockopt(fd.get(), SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) != 0) {
    return failed("XDP_MMAP_OFFSETS");
  }
  const Mapping ring(page, fd.get(), XDP_PGOFF_TX_RING);
  if (!ring) return failed("mmap");
  sockaddr_xdp queue{};
  queue.sxdp_family = AF_XDP;
  queue.sxdp_flags = XDP_COPY;
  queue.sxdp_ifindex = scene.interface;
  if (!bind_to(fd.get(), as_address(queue))) return failed("bind");
  const std::string frame = frame_to_target(scene);
  std::memcpy(memory.at(0), frame.data(), frame.size());
  xdp_desc descriptor{};
  descriptor.len = static_cast<__u32>(frame.size());
  std::memcpy(ring.at(offsets.tx.desc), &descriptor, sizeof(descriptor));
  auto* producer = reinterpret_cast<__u32*>(ring.at(offsets.tx.producer));  // NOLINT
  std::atomic_ref<__u32>(*producer).store(1, std::memory_order_release);
  if (::sendto(fd.get(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) < 0) return failed("sendto");
  return {};
}

}  // namespace

std::vector<Row> link_rows() {
  const auto row = [](std::string_view name, Outcome (*attempt)(const Scene&)) {
    return Row{
        .name = name, .each = Each::once, .stops = always(Guard::family), .attempt = attempt};
  };
  return {
      row("packet socket, raw", packet_raw),
      row("packet socket, dgram", packet_dgram),
      row("packet socket made as SOCK_PACKET of inet", packet_of_inet),
      row("packet socket, ring", packet_ring),
      row("packet socket past the queueing discipline", packet_bypassing_qdisc),
      row("XDP socket", xdp_frame),
  };
}

}  // namespace socklid::selftest
