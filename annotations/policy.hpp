// SPDX-License-Identifier: Apache-2.0
//
// Policy: what one container asked for, as a value. Made by annotations/parser.hpp from the
// container's annotations, printed by to_string(), compiled by plan/plan.hpp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "annotations/address.hpp"
#include "annotations/mark.hpp"
#include "annotations/opened/deputies.hpp"
#include "annotations/opened/opened_options.hpp"
#include "annotations/seal.hpp"
#include "base/own_text.hpp"

namespace socklid::annotations {

/// deny is 0, as in the kernel: a policy that nobody has written yet denies (D1).
enum class Verdict : std::uint8_t { deny, allow };

/// What happens to packets that `egress` does not name.
enum class Otherwise : std::uint8_t { drop, reject };

/// Who may answer a datagram: the peer that was asked, any port of its address, or anybody.
enum class Answers : std::uint8_t { peer, host, any };

/// Sorted, without duplicates.
using Endpoints = std::vector<Endpoint>;

/// A path that `readonly` names.
struct ProtectedPath {
  std::string path;    ///< absolute, in the container
  bool except{false};  ///< "!PATH": not protected, though what is above it is

  friend bool operator==(const ProtectedPath&, const ProtectedPath&) = default;
};

struct Subject;  // annotations/subject.hpp

/// A default-constructed Policy restricts nothing: it is what a container without annotations has.
struct Policy {
  Verdict create{Verdict::allow};
  Verdict create_tcp{Verdict::allow};
  Verdict create_udp{Verdict::allow};
  std::optional<Endpoints> connect;  ///< nothing: any peer; else these, and an empty list is deny
  std::optional<Endpoints> bind;     ///< the same of local ports, tcp and udp
  Verdict listen{Verdict::allow};
  Verdict accept{Verdict::allow};
  Verdict shutdown{Verdict::allow};
  std::optional<std::vector<Family>> families;  ///< sorted, without duplicates; nothing: default
  OpenedOptions options;                        ///< what is open of dangerous socket options
  std::optional<Mark> mark;
  std::optional<Endpoints> egress;      ///< nothing: all may leave; empty: nothing leaves
  std::optional<Otherwise> otherwise;   ///< nothing: reject
  Seal seal;                            ///< from when on the verbs are held back
  Deputies deputies;                    ///< what the kernel may do on the container's behalf
  std::optional<Verdict> bpf;           ///< nothing: bpf(2) is denied if any other key is given
  Answers answers{Answers::peer};       ///< under `egress`
  std::vector<ProtectedPath> readonly;  ///< in the order given
  std::vector<Subject> subjects;        ///< by name, in byte order; each name once

  Policy();
  ~Policy();
  Policy(const Policy&);
  Policy(Policy&&) noexcept;
  Policy& operator=(const Policy&);
  Policy& operator=(Policy&&) noexcept;
  friend bool operator==(const Policy& one, const Policy& other);
};

/// The key of each setting, in the order of the reference. Its name, its grammar and its place in
/// Policy are its row in annotations/settings.cpp.
enum class Key : std::uint8_t {
  create,
  create_tcp,
  create_udp,
  families,
  options,
  connect,
  bind,
  listen,
  accept,
  shutdown,
  mark,
  egress,
  otherwise,
  seal,
  deputies,
  bpf,
  answers,
  subject,  ///< all of them
  readonly,
  mode,
  profile,
};

/// "io.socklid.create.tcp"
[[nodiscard]] OwnText name_of(Key key);

/// A set of keys.
class Keys {
 public:
  constexpr Keys() = default;
  constexpr Keys(std::initializer_list<Key> keys) {
    for (const Key key : keys) bits_ |= bit(key);
  }

  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr bool has(Key key) const { return (bits_ & bit(key)) != 0; }
  /// In the order of the reference.
  [[nodiscard]] std::vector<std::string_view> names() const;

  constexpr Keys& operator|=(Keys other) {
    bits_ |= other.bits_;
    return *this;
  }
  constexpr Keys& operator&=(Keys other) {
    bits_ &= other.bits_;
    return *this;
  }
  friend constexpr Keys operator|(Keys one, Keys other) { return one |= other; }
  friend constexpr Keys operator&(Keys one, Keys other) { return one &= other; }
  friend bool operator==(const Keys&, const Keys&) = default;

 private:
  static constexpr std::uint32_t bit(Key key) {
    return std::uint32_t{1} << static_cast<std::uint8_t>(key);
  }
  std::uint32_t bits_{0};
};

/// Those of the settings that are not the default policy's.
[[nodiscard]] Keys given_keys(const Policy& policy);

/// A policy with one of these restricts the network: it closes families and protocols that it does
/// not name.
inline constexpr Keys restricting_keys{Key::create,   Key::create_tcp, Key::create_udp,
                                       Key::families, Key::connect,    Key::bind,
                                       Key::egress};

/// A policy with one of these holds its container's tasks in their cgroup, and guards bpf(2).
inline constexpr Keys policy_keys =
    restricting_keys |
    Keys{Key::mark, Key::listen, Key::accept, Key::shutdown, Key::subject, Key::readonly};

/// These wait for the seal. All else holds from the first instruction, whatever the seal.
inline constexpr Keys held_back_keys{Key::create, Key::create_tcp, Key::create_udp, Key::connect,
                                     Key::bind,   Key::listen,     Key::accept,     Key::shutdown};

/// Whether one of `restricting_keys` was given.
[[nodiscard]] bool restricts(const Policy& policy);

/// The endpoints that a setting names; none if it was not given.
[[nodiscard]] const Endpoints& named(const std::optional<Endpoints>& setting);

/// One setting that is not the default's, as it is written.
struct Written {
  std::string key;    ///< "io.socklid.bind"
  std::string value;  ///< "tcp/80"; empty for a list without items
};

/// In the order of the reference; parses back to the same Policy.
[[nodiscard]] std::vector<Written> written(const Policy& policy);

/// The same as one "key: value" line for each.
[[nodiscard]] std::string to_string(const Policy& policy);

}  // namespace socklid::annotations
