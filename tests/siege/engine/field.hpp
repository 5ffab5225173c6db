// SPDX-License-Identifier: Apache-2.0
//
// Field: the pool of sockets of one round, and what steps do with them. It tells on standard output
// what those outside cannot see, a line each:
//
//   op 12 bind 3 ... = EPERM         only if the round is logged
//   bound tcp 8443                   bind(2) has taken a port that it named
//   listening 8443                   at the end of the round
//   datagram 53                      likewise, a bound datagram socket
//   accepted 8443 [10.77.0.1]:4000   a connection
//   received 53 [10.77.0.1]:4000 unasked-12
//   shut                             shutdown(2) of an inet socket has done it
//
//   Field field(places, kept);
//   field.run(steps, numbers_of_steps, true);
//   field.settle();                  // then the prober knocks
//   field.collect();
#pragma once

#include <array>
#include <string>
#include <vector>

#include "tests/siege/engine/grammar.hpp"

namespace socklid::siege {

class Field {
 public:
  /// `kept`: sockets from before the seal; they stay the caller's.
  Field(const Places& places, const std::vector<int>& kept);
  Field(const Field&) = delete;
  Field& operator=(const Field&) = delete;

  /// Those of `numbers`, in order.
  void run(const std::vector<Step>& steps, const std::vector<unsigned>& numbers, bool logged);
  void settle() const;
  /// Accepts and receives what there is.
  void collect() const;

 private:
  [[nodiscard]] int& at(unsigned slot) { return pool_.at(slot % slots); }
  void put(unsigned slot, int socket);
  int run(const Step& step);
  int make(const Step& step);
  int bind(const Step& step);
  int accept(unsigned slot, unsigned into);
  [[nodiscard]] sockaddr_storage peer_of(const Step& step) const;
  int duplicate(int socket, unsigned into);
  [[nodiscard]] std::vector<int> of_inet() const;

  const Places* places_;
  const std::vector<int>* kept_;
  std::array<int, slots> pool_{};
  std::vector<int> strays_;  ///< listeners on ports that nobody bound: for the end of the round
};

/// A line on standard output, at once.
void tell(const std::string& line);

}  // namespace socklid::siege
