// SPDX-License-Identifier: Apache-2.0
#include "command/running/seal_status.hpp"

#include <ctime>

#include "command/output.hpp"
#include "guard/guard.hpp"
#include "plan/seal.hpp"

namespace socklid::command {
namespace {

constexpr std::int64_t second = 1'000'000'000;

}  // namespace

Moment moment() {
  timespec utc{};
  ::clock_gettime(CLOCK_REALTIME, &utc);
  return {boot_time(), std::int64_t{utc.tv_sec} * second + utc.tv_nsec};
}

std::int64_t utc_at(std::uint64_t boot, const Moment& now) {
  return (now.utc - static_cast<std::int64_t>(now.boot - boot)) / second;
}

SealStatus status_of(const sl_seal& seal, const Moment& now) {
  const auto time = sealed_at(seal, now.boot);
  if (!time) return {std::nullopt, {}, waits_for(seal, now.boot)};
  // 0 between the two stores of the program that seals, and for a time that nobody has found over.
  const std::uint32_t cause = seal.sealed_by != 0 ? seal.sealed_by : seal.waits_for;
  return {utc_at(*time, now), std::string(name_of(static_cast<sl_seal_cause>(cause))), {}};
}

std::optional<SealStatus> status_of(const std::optional<sl_seal>& seal, const Moment& now) {
  return seal ? std::optional(status_of(*seal, now)) : std::nullopt;
}

std::optional<SealStatus> seal_of(const Container& container) {
  const auto guard = SocketGuard::find(programs_of(container));
  if (!guard || !*guard) return std::nullopt;
  const auto seal = (*guard)->read_seal(container.entry.parts.cgroup_id);
  if (!seal || !*seal) return std::nullopt;
  return status_of(**seal, moment());
}

std::string seal_word(const std::optional<SealStatus>& seal) {
  if (!seal) return "start";
  return seal->sealed ? "sealed" : "open";
}

std::string seal_text(const std::optional<SealStatus>& seal) {
  if (!seal) return "from the start";
  if (!seal->sealed) return "open, waits for " + seal->waits_for;
  return "sealed " + utc_time(*seal->sealed) + " by " + seal->by;
}

json::Value seal_json(const std::optional<SealStatus>& seal) {
  if (!seal) return {};
  if (!seal->sealed) return json::Object{{"sealed", false}, {"waits_for", seal->waits_for}};
  return json::Object{{"sealed", true}, {"time", utc_time(*seal->sealed)}, {"by", seal->by}};
}

}  // namespace socklid::command
