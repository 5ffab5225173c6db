// SPDX-License-Identifier: Apache-2.0
#include "plan/seal.hpp"

#include <sys/socket.h>

#include <cstring>
#include <ctime>
#include <string_view>

namespace socklid {
namespace {

using annotations::AddressFamily;
using annotations::Endpoint;
using annotations::Seal;

static_assert(annotations::max_seal_listens == SL_SEAL_LISTENS);
static_assert(SL_SEAL_LISTENS <= SL_RUN_BITS);

constexpr std::uint64_t second = 1'000'000'000;

sl_seal_listen listen_image(const Endpoint& endpoint) {
  sl_seal_listen image{};
  image.port = endpoint.ports.first;
  if (!endpoint.prefix) return image;
  const bool v4 = endpoint.prefix->family == AddressFamily::ipv4;
  image.family = v4 ? AF_INET : AF_INET6;
  std::memcpy(image.address, endpoint.prefix->address.data(), v4 ? 4 : 16);
  return image;
}

Endpoint endpoint_of(const sl_seal_listen& image) {
  Endpoint endpoint;
  endpoint.ports = {image.port, image.port};
  if (image.family == 0) return endpoint;
  const bool v4 = image.family == AF_INET;
  annotations::Prefix prefix{v4 ? AddressFamily::ipv4 : AddressFamily::ipv6, {}, 0};
  prefix.bits = v4 ? 32 : 128;
  std::memcpy(prefix.address.data(), image.address, v4 ? 4 : 16);
  endpoint.prefix = prefix;
  return endpoint;
}

std::string missing_listens(const sl_seal& seal) {
  std::vector<Endpoint> missing;
  for (std::uint32_t i = 0; i < seal.listen_count; ++i) {
    if ((seal.missing >> i & 1) != 0) missing.push_back(endpoint_of(seal.listens[i]));
  }
  return missing.empty() ? "any listen" : "listen on " + to_string(missing);
}

}  // namespace

std::optional<sl_seal> seal_image(const Seal& seal) {
  sl_seal image{};
  switch (seal.kind) {
    case Seal::Kind::start:
      return std::nullopt;
    case Seal::Kind::listen:
      image.waits_for = SL_SEAL_BY_LISTEN;
      for (const Endpoint& endpoint : seal.listens) {
        image.missing |= std::uint64_t{1} << image.listen_count;
        image.listens[image.listen_count++] = listen_image(endpoint);
      }
      break;
    case Seal::Kind::accept:
      image.waits_for = SL_SEAL_BY_ACCEPT;
      break;
    case Seal::Kind::after:
      image.waits_for = SL_SEAL_BY_TIME;
      image.duration = seal.seconds * second;
      break;
    case Seal::Kind::manual:
      image.waits_for = SL_SEAL_BY_HAND;
      break;
  }
  return image;
}

sl_seal seal_of_run(const sl_seal& wanted, const sl_run& run) {
  sl_seal seal = wanted;
  const std::uint64_t missing = run.word & SL_RUN_WAITS;
  seal.missing = wanted.listen_count != 0 ? missing : 0;
  seal.started_at = run.started_at;
  if (missing != 0) return seal;
  // The programs write the time behind the word.
  seal.sealed_at = run.sealed_at != 0 ? run.sealed_at : run.started_at;
  seal.sealed_by = run.sealed_by;
  return seal;
}

std::uint64_t boot_time() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * second +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::optional<std::uint64_t> sealed_at(const sl_seal& seal, std::uint64_t now) {
  if (seal.sealed_at != 0) return seal.sealed_at;
  const std::uint64_t end = seal.started_at + seal.duration;
  if (seal.waits_for == SL_SEAL_BY_TIME && seal.started_at != 0 && now >= end) return end;
  return std::nullopt;
}

std::string_view name_of(sl_seal_cause cause) {
  switch (cause) {
    case SL_SEAL_BY_LISTEN:
      return "listen";
    case SL_SEAL_BY_ACCEPT:
      return "accept";
    case SL_SEAL_BY_TIME:
      return "time";
    case SL_SEAL_BY_HAND:
      return "hand";
  }
  return "unknown";
}

std::string waits_for(const sl_seal& seal, std::uint64_t now) {
  switch (seal.waits_for) {
    case SL_SEAL_BY_LISTEN:
      return missing_listens(seal);
    case SL_SEAL_BY_ACCEPT:
      return "the first accept";
    case SL_SEAL_BY_TIME: {
      if (seal.started_at == 0) return "the program's start";
      const std::uint64_t end = seal.started_at + seal.duration;
      return std::to_string(end > now ? (end - now + second - 1) / second : 0) + " s more";
    }
    case SL_SEAL_BY_HAND:
      return "socklid seal";
    default:
      return "unknown";
  }
}

}  // namespace socklid
