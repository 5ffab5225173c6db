// SPDX-License-Identifier: Apache-2.0
//
// Families that are neither IP nor netlink. A restricting policy leaves none of them open, so each
// ends at socket(2).
#include "selftest/rows/family/family.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/if_alg.h>
#include <linux/tipc.h>
#include <linux/vm_sockets.h>

#include <array>
#include <cstring>

#include "selftest/rows/rows.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// Whether the token can be read from `fd`.
bool receives_token(int fd, const Scene& scene) {
  Token received{};
  return ::recv(fd, received.data(), received.size(), 0) == static_cast<ssize_t>(received.size()) &&
         received == scene.token;
}

/// A datagram to the socket's own address.
Outcome send_to_itself(const UniqueFd& fd, const Scene& scene, const Address& own) {
  if (!bind_to(fd.get(), own)) return failed("bind");
  // RDS takes no flag it does not know, MSG_NOSIGNAL neither (net/rds/send.c: rds_sendmsg).
  if (::sendto(fd.get(), scene.token.data(), scene.token.size(), 0, own.get(), own.length) < 0) {
    return failed("sendto");
  }
  if (!receives_token(fd.get(), scene)) return failed("recv");
  return {};
}

Outcome vsock_stream(const Scene& scene) {
  sockaddr_vm own{};
  own.svm_family = AF_VSOCK;
  own.svm_port = scene.port;
  own.svm_cid = VMADDR_CID_ANY;
  const UniqueFd listener = open_socket(AF_VSOCK, SOCK_STREAM);
  if (!listener) return failed("socket");
  if (!bind_to(listener.get(), as_address(own))) return failed("bind");
  if (::listen(listener.get(), 1) != 0) return failed("listen");
  const UniqueFd client = open_socket(AF_VSOCK, SOCK_STREAM);
  own.svm_cid = VMADDR_CID_LOCAL;
  if (!client || !connect_to(client.get(), as_address(own))) return failed("connect");
  const UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!server) return failed("accept");
  if (!send_token(client.get(), scene)) return failed("send");
  if (!receives_token(server.get(), scene)) return failed("recv");
  return {};
}

Outcome tipc_message(const Scene& scene) {
  sockaddr_tipc own{};
  own.family = AF_TIPC;
  own.addrtype = TIPC_SERVICE_ADDR;
  own.scope = TIPC_NODE_SCOPE;
  own.addr.name.name.type = scene.port;
  own.addr.name.name.instance = 1;
  const UniqueFd fd = open_socket(AF_TIPC, SOCK_RDM);
  if (!fd) return failed("socket");
  return send_to_itself(fd, scene, as_address(own));
}

Outcome tipc_pair(const Scene& scene) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_TIPC, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return failed("socketpair");
  }
  const UniqueFd here(ends[0]);
  const UniqueFd there(ends[1]);
  if (!send_token(here.get(), scene)) return failed("send");
  if (!receives_token(there.get(), scene)) return failed("recv");
  return {};
}

Outcome rds_message(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_RDS, SOCK_SEQPACKET);
  if (!fd) return failed("socket");
  return send_to_itself(fd, scene, scene.local);
}

/// The TCP connection under AF_SMC: protocol 0 is over IPv4, 1 over IPv6 (net/smc/smc.h).
Outcome smc_connect(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_SMC, SOCK_STREAM, scene.ip == Ip::v4 ? 0 : 1);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return {};
}

Outcome alg_hash(const Scene& scene) {
  sockaddr_alg name{};
  name.salg_family = AF_ALG;
  std::strcpy(reinterpret_cast<char*>(name.salg_type), "hash");
  std::strcpy(reinterpret_cast<char*>(name.salg_name), "sha256");
  const UniqueFd algorithm = open_socket(AF_ALG, SOCK_SEQPACKET);
  if (!algorithm) return failed("socket");
  if (!bind_to(algorithm.get(), as_address(name))) return failed("bind");
  const UniqueFd operation(::accept4(algorithm.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!operation) return failed("accept");
  if (!send_token(operation.get(), scene)) return failed("send");
  std::array<char, 32> digest{};
  if (::read(operation.get(), digest.data(), digest.size()) != 32) return failed("read");
  return {};
}

Outcome kcm_socket(const Scene&) {
  const UniqueFd fd = open_socket(AF_KCM, SOCK_DGRAM);
  if (!fd) return failed("socket");
  return {};
}

std::vector<Row> other_family_rows() {
  return {
      {.name = "vsock to the same machine",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::family),
       .attempt = vsock_stream,
       .why = "knows no network namespace: the host and its guests hear it",
       .modules = {"vsock_loopback"}},
      {.name = "TIPC message",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::family),
       .attempt = tipc_message,
       .modules = {"tipc"}},
      {.name = "socketpair of TIPC",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::family),
       .attempt = tipc_pair,
       .modules = {"tipc"}},
      {.name = "RDS message",
       .proof = Proof::done,
       .stops = always(Guard::family),
       .attempt = rds_message,
       .why = "to other hosts it goes over TCP connections of the kernel's",
       .modules = {"rds", "rds_tcp"}},
      {.name = "AF_SMC connect",
       .stops = always(Guard::family),
       .attempt = smc_connect,
       .modules = {"smc"}},
      {.name = "smc opened: connect",
       .stops = stops_peer,
       .attempt = smc_connect,
       .modules = {"smc"},
       .annotations = {"io.socklid.families=inet inet6 smc"}},
      {.name = "AF_ALG hashes a message",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::family),
       .attempt = alg_hash,
       .modules = {"algif_hash"}},
      {.name = "AF_KCM",
       .each = Each::once,
       .proof = Proof::done,
       .stops = always(Guard::family),
       .attempt = kcm_socket,
       .modules = {"kcm"}},
  };
}

}  // namespace

std::span<const Row> family_rows() {
  static const std::vector<Row> rows =
      joined({other_family_rows(), link_rows(), protocol_rows(), netlink_rows()});
  return rows;
}

}  // namespace socklid::selftest
