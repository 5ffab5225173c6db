// SPDX-License-Identifier: Apache-2.0
#include "selftest/rows/listen/listen.hpp"

#include <sys/socket.h>

#include <string>
#include <utility>

#include "selftest/rows/rows.hpp"
#include "selftest/ways/links.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr std::string_view port_range = "net/ipv4/ip_local_port_range";
/// What a namespace begins with (net/ipv4/af_inet.c, inet_init_net).
constexpr std::string_view usual_range = "32768 60999";

}  // namespace

Outcome listening(UniqueFd fd) {
  if (!fd) return failed("socket");
  if (::listen(fd.get(), backlog) != 0) return failed("listen");
  return {.step = {}, .error = 0, .held = std::move(fd)};
}

Outcome bound(UniqueFd fd, const Address& local) {
  if (!fd) return failed("socket");
  if (!bind_to(fd.get(), local)) return failed("bind");
  return {.step = {}, .error = 0, .held = std::move(fd)};
}

Outcome bound_and_listening(UniqueFd fd, const Address& local) {
  Outcome outcome = bound(std::move(fd), local);
  return outcome.step.empty() ? listening(std::move(outcome.held)) : std::move(outcome);
}

OnlyPort::OnlyPort(std::uint16_t port) {
  const std::string number = std::to_string(port);
  set_ = set_sysctl(port_range, number + " " + number).has_value();
}

OnlyPort::~OnlyPort() {
  if (set_) static_cast<void>(set_sysctl(port_range, usual_range));
}

std::span<const Row> listen_rows() {
  static const std::vector<Row> rows = joined(
      {port_rows(), listen_race_rows(), listen_protocol_rows(), accept_rows(), create_rows()});
  return rows;
}

}  // namespace socklid::selftest
