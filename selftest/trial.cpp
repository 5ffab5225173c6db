// SPDX-License-Identifier: Apache-2.0
#include "selftest/trial.hpp"

#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// Below the ports that the kernel chooses by itself (ip_local_port_range), above those of ours.
constexpr std::uint16_t first_port = 10'000;
constexpr std::uint32_t port_count = 20'000;

Token make_token(std::uint32_t count) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "sl%06x%08x", count & 0xffffffU,
                static_cast<unsigned>(::getpid()));
  Token token{};
  std::copy_n(text.begin(), token.size(), token.begin());
  return token;
}

Result<bool> prove(Arena& arena, const Row& row, const Scene& scene, Attempt& attempt,
                   const Ending& ending) {
  Receiver& receiver = arena.receiver();
  switch (row.proof) {
    case Proof::wire:
      return receiver.arrived(scene);
    case Proof::answered:
      return receiver.is_answered(scene, row.transport == 0 ? int{IPPROTO_TCP} : row.transport);
    case Proof::received:
      SL_CHECK(receiver.send_token(scene, row.transport == 0 ? int{IPPROTO_UDP} : row.transport));
      return attempt.has_received();
    case Proof::done:
      return ending.step.empty();
    case Proof::effect:
      break;
  }
  const NetnsGuard inside = SL_TRY(NetnsGuard::enter(arena.network().inside));
  return row.check(scene);
}

Outcome reach_named(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.named)) return failed("connect");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

Outcome serve_named(const Scene& scene) {
  UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1)) return failed("SO_REUSEADDR");
  if (!bind_to(fd.get(), scene.local)) return failed("bind");
  if (::listen(fd.get(), 1) != 0) return failed("listen");
  return {.step = {}, .error = 0, .held = std::move(fd)};
}

/// Rows that every policy lets through.
const Row named_peer{.name = "the peer that a policy names",
                     .stops = {Guard::harmless, Guard::harmless, Guard::harmless},
                     .attempt = reach_named};
const Row named_service{.name = "the service that a policy names",
                        .proof = Proof::answered,
                        .stops = {Guard::harmless, Guard::harmless, Guard::harmless},
                        .attempt = serve_named};

Result<> must_work(Arena& arena, const Row& row, const Scene& scene) {
  const Trial trial = SL_TRY(try_row(arena, row, scene));
  if (trial.proof) return {};
  const std::string ending = to_string(trial.ending);
  return fail(Exit::internal, row.name, " is not reached", (ending.empty() ? "" : ": " + ending));
}

}  // namespace

Scene Scenes::next(Ip ip) {
  Scene scene;
  scene.ip = ip;
  scene.port = static_cast<std::uint16_t>(first_port + count_ % port_count);
  scene.token = make_token(count_);
  ++count_;
  const bool v4 = ip == Ip::v4;
  scene.target = make_address(v4 ? target4 : target6, scene.port);
  scene.named = make_address(v4 ? named4 : named6, named_port);
  scene.local = make_address(v4 ? inside4 : inside6, scene.port);
  scene.interface = inside_end.index;
  return scene;
}

Result<Trial> try_row(Arena& arena, const Row& row, Scene scene) {
  const Served served = SL_TRY(arena.receiver().serve(scene, !row.modules.empty()));
  const UniqueFd broker = SL_TRY(arena.broker().serve_new_client());
  scene.broker = broker.get();
  if (arena.root()) arena.root()->path().copy(scene.root.data(), scene.root.size() - 1);
  Trial trial;
  {
    Attempt attempt = SL_TRY(Attempt::start(arena, row, scene));
    trial.ending = SL_TRY(attempt.wait());
    trial.proof = SL_TRY(prove(arena, row, scene, attempt, trial.ending));
  }
  SL_CHECK(arena.clear());
  return trial;
}

Result<> check_named(Arena& arena, Scenes& scenes, bool serves) {
  for (const Ip ip : {Ip::v4, Ip::v6}) {
    Scene scene = scenes.next(ip);
    if (ip == Ip::v6 && !arena.network().ipv6) return {};
    SL_CHECK(must_work(arena, named_peer, scene));
    if (!serves) continue;
    scene = scenes.next(ip);
    scene.local = make_address(ip == Ip::v4 ? inside4 : inside6, served_port);
    SL_CHECK(must_work(arena, named_service, scene));
  }
  return {};
}

}  // namespace socklid::selftest
