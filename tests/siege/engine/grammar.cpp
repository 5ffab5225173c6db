// SPDX-License-Identifier: Apache-2.0
#include "tests/siege/engine/grammar.hpp"

#include <netinet/in.h>

#include "tests/siege/engine/files.hpp"
#include "tests/siege/engine/node.hpp"
#include "tests/siege/engine/option.hpp"
#include "tests/siege/engine/race.hpp"
#include "tests/siege/engine/send.hpp"

namespace socklid::siege {
namespace {

class Writer {
 public:
  Writer(std::uint64_t seed, const Places& places) : chance_(seed), places_(&places) {}

  std::vector<Step> round(unsigned count) {
    weather();
    while (steps_.size() < count) sentence();
    return std::move(steps_);
  }

 private:
  Chance chance_;
  const Places* places_;
  std::vector<Step> steps_;

  Step& add(Do what, unsigned slot) {
    steps_.push_back({});
    Step& step = steps_.back();
    step.what = what;
    step.slot = slot;
    step.other = chance_.below(slots);
    return step;
  }
  unsigned slot() { return chance_.below(slots); }
  bool version6() { return chance_.percent(50); }
  Endpoint anywhere(bool v6) { return places_->any_endpoint(chance_, v6); }
  Endpoint at(Role role, bool v6) { return {role, v6, places_->any_port(chance_)}; }

  /// Of the namespace, at the beginning of a round: some sysctls, more than one at a time.
  void weather() {
    for (unsigned i = 0; i < sysctl_count(); ++i) {
      if (!chance_.percent(35)) continue;
      Step& step = add(Do::sysctl, 0);
      step.v[0] = i;
      step.v[1] = chance_.percent(75) ? 1 : chance_.below(4);
    }
  }

  void make(unsigned slot, bool v6, int type, int protocol = 0) {
    // Under a seal there are no others; those of somebody else are beside one's own.
    if (places_->has_older() && chance_.percent(places_->hands_over() ? 30 : 60)) {
      add(Do::take, slot).v[0] = chance_.below(16);
      return;
    }
    Step& step = add(Do::make, slot);
    step.v[0] = v6 ? AF_INET6 : AF_INET;
    step.v[1] = static_cast<unsigned>(type);
    step.v[2] = static_cast<unsigned>(protocol);
    // Else the first socket of a round at a port would be the only one.
    step.v[3] = chance_.percent(85) ? 1 : 0;
  }
  Step& with(Do what, unsigned slot, const Endpoint& x) {
    Step& step = add(what, slot);
    step.x = x;
    return step;
  }
  Step& send(unsigned slot, const Endpoint& to, bool addressed = true) {
    Step& step = add(Do::send, slot);
    step.x = to;
    step.y = {chance_.percent(50) ? Role::next : anywhere(to.v6).role, to.v6, 0};
    step.v[0] = addressed ? 1 : 0;
    step.v[1] = chance_.percent(15) ? 1 + chance_.below(control_kinds) : 0;
    step.v[2] = chance_.percent(85) ? 1 + chance_.below(64) : 1 + chance_.below(3000);
    return step;
  }
  void option(unsigned slot) {
    Step& step = add(Do::option, slot);
    draw_option(chance_, step);
    step.y = anywhere(version6());
  }
  void plausible(unsigned slot) {
    if (chance_.percent(20)) option(slot);
    if (chance_.percent(25)) draw_address_option(chance_, add(Do::option, slot));
  }

  /// Two of its own sockets at two endpoints, each of which sends to where the other one is.
  void conversation() {
    const bool v6 = version6();
    const bool stream = chance_.percent(50);
    Endpoint x = anywhere(v6);
    Endpoint y = chance_.percent(60) ? at(Role::own, v6) : anywhere(v6);
    if (!places_->served().empty() && chance_.percent(50))
      y.port = chance_.one_of(places_->served());
    // The kernel chooses it.
    if (chance_.percent(40)) x.port = 0;
    const unsigned a = slot();
    const unsigned b = (a + 1 + chance_.below(slots - 1)) % slots;
    const Endpoint at_b = chance_.percent(40) ? Endpoint{Role::any, v6, y.port} : y;
    for (const unsigned each : {a, b}) {
      make(each, v6, stream ? SOCK_STREAM : SOCK_DGRAM);
      plausible(each);
    }
    with(Do::bind, a, x);
    with(Do::bind, b, at_b);
    if (stream) {
      if (chance_.percent(60)) add(Do::listen, b);
      with(Do::connect, a, y);
      if (chance_.percent(40)) to_where(a, with(Do::connect, b, x));
      if (chance_.percent(60)) add(Do::accept, b);
      send(a, y, false);
    } else {
      send(a, y);
      if (chance_.percent(30)) to_where(a, with(Do::connect, b, x));
      to_where(a, send(b, x));
    }
  }
  /// Not x is meant, but the address that the socket has by then; always where x has no port.
  void to_where(unsigned slot, Step& step) {
    if (step.x.port == 0 || chance_.percent(40)) step.v[5] = slot + 1;
  }

  /// An address is taken by some means, and used as a source.
  void masquerade() {
    const bool v6 = chance_.percent(70);
    const unsigned a = slot();
    const unsigned b = chance_.percent(60) ? a : slot();
    const Endpoint source = at(chance_.percent(60) ? Role::next : anywhere(v6).role, v6);
    Endpoint to = chance_.percent(60) ? at(Role::named, v6) : anywhere(v6);
    make(a, v6, chance_.percent(85) ? SOCK_DGRAM : SOCK_STREAM);
    if (chance_.percent(60)) join(a, source, v6 && chance_.percent(80) ? Way::anycast : any_way());
    if (chance_.percent(40)) draw_address_option(chance_, add(Do::option, a));
    if (b != a) make(b, v6, SOCK_DGRAM);
    if (chance_.percent(50)) with(Do::bind, b, source);
    Step& sent = add(Do::send, b);
    sent.x = to;
    sent.y = source;
    sent.v[0] = 1;
    sent.v[1] = chance_.percent(70) ? 1 : 0;  // the source as a control message
    sent.v[2] = 1 + chance_.below(64);
  }

  Way any_way() { return static_cast<Way>(chance_.below(ways)); }
  void join(unsigned slot, const Endpoint& x, Way way) {
    Step& step = add(Do::join, slot);
    step.x = x;
    step.y = anywhere(x.v6);
    step.v[0] = static_cast<unsigned>(way);
    step.v[1] = 1 + chance_.below(x.v6 ? 60 : 9);  // sources; the kernel takes so many
  }
  void membership() {
    const bool v6 = version6();
    const unsigned a = slot();
    make(a, v6, SOCK_DGRAM);
    for (unsigned i = 1 + chance_.below(3); i > 0; --i) {
      const Endpoint x = chance_.percent(80) ? at(Role::group, v6) : anywhere(v6);
      join(a, x, any_way());
    }
    if (chance_.percent(40)) send(a, anywhere(v6));
  }

  void race() {
    Step& step = add(Do::race, slot());
    draw_race(chance_, step);
    step.x = anywhere(version6());
    if (!places_->served().empty() && chance_.percent(85)) {
      step.x = {chance_.percent(50) ? Role::any : Role::own, step.x.v6,
                chance_.one_of(places_->served())};
    }
    if (chance_.percent(50)) add(Do::accept, step.slot);
  }

  void server() {
    const bool v6 = version6();
    const unsigned a = slot();
    const bool stream = chance_.percent(60);
    make(a, v6, stream ? SOCK_STREAM : SOCK_DGRAM);
    plausible(a);
    with(Do::bind, a,
         {chance_.percent(60) ? Role::any : Role::own, v6, places_->any_port(chance_)});
    if (stream) add(Do::listen, a);
  }

  void odd_family() {
    Step& step = add(Do::make, slot());
    const bool inet = chance_.percent(50);
    step.v[0] = inet ? (version6() ? AF_INET6 : AF_INET) : chance_.below(48);
    step.v[1] = 1 + chance_.below(6);
    static constexpr std::array<unsigned, 14> known{0,  1,   2,   6,   17,  33,  41,
                                                    58, 132, 136, 255, 262, 115, 108};
    step.v[2] = chance_.percent(70) ? chance_.one_of(known) : chance_.below(300);
    const unsigned made = step.slot;
    const Endpoint x = anywhere(version6());
    if (chance_.percent(50)) with(Do::connect, made, x);
    send(made, x);
    if (chance_.percent(50)) {
      Step& raw = add(Do::send_raw, made);
      raw.x = anywhere(x.v6);
      raw.y = x;
    }
  }

  void about_the_node() {
    static constexpr std::array<Do, 3> kinds{Do::sysctl, Do::netlink, Do::ioctl};
    Step& step = add(chance_.one_of(kinds), slot());
    step.x = anywhere(version6());
    step.v[0] = step.what == Do::sysctl ? chance_.below(sysctl_count()) : chance_.below(64);
    step.v[1] = chance_.below(4);
  }

  void single() {
    static constexpr std::array<Do, 16> kinds{
        Do::bind, Do::connect, Do::disconnect, Do::disconnect, Do::listen,   Do::accept,
        Do::send, Do::send,    Do::send_two,   Do::receive,    Do::shutdown, Do::close,
        Do::dup,  Do::child,   Do::pause,      Do::take};
    Step& step = add(chance_.one_of(kinds), slot());
    const bool v6 = version6();
    step.x = anywhere(v6);
    step.y = anywhere(v6);
    if (step.what == Do::send) {
      step.v[0] = chance_.below(2);
      step.v[1] = chance_.below(control_kinds + 1);
      step.v[2] = 1 + chance_.below(200);
    } else if (step.what == Do::child) {
      step.v[0] = 1 + chance_.below(8);
      step.v[1] = chance_.percent(25) ? 1 : 0;
    } else {
      step.v[0] = chance_.below(16);
    }
  }

  /// Several on top of each other: what one has mounted or moved is another one's way.
  void files() {
    for (unsigned i = 1 + chance_.below(5); i > 0; --i) {
      if (chance_.percent(15)) {
        Step& step = add(Do::child, 0);
        step.v[0] = 1 + chance_.below(8);
        step.v[1] = 1;
      }
      draw_change(chance_, add(Do::file, 0));
    }
  }

  void sentence() {
    if (places_->has_files() && chance_.percent(60)) return files();
    const unsigned share = chance_.below(100);
    if (share < 28) return conversation();
    if (share < 42) return masquerade();
    if (share < 52) return membership();
    if (share < 60) return race();
    if (share < 68) return server();
    if (share < 74) return odd_family();
    if (share < 79) return about_the_node();
    if (share < 87) return option(slot());
    single();
  }
};

}  // namespace

std::vector<Step> round_of(std::uint64_t seed, unsigned count, const Places& places) {
  return Writer(seed, places).round(count);
}

}  // namespace socklid::siege
