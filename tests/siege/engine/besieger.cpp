// SPDX-License-Identifier: Apache-2.0
//
// The program inside. Usage: besieger WORD... (tests/siege/engine/places.hpp), or: besieger
// accomplice PORT. It makes the sockets of before the seal, listens where the word `keep` says,
// prints "ready", and then does what standard input asks for, a line each; with the word `cage` by
// another program, which is started for each round and makes those sockets, or is handed them:
//
//   round SEED COUNT [log] [NUMBER...]    runs that round, or those of its steps; "settled" when
//                                         the prober may knock
//   probed                                it has: reports, and "done"
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <numeric>
#include <sstream>

#include "tests/siege/engine/accomplice.hpp"
#include "tests/siege/engine/field.hpp"
#include "tests/siege/engine/files.hpp"
#include "tests/siege/engine/node.hpp"
#include "tests/siege/engine/option.hpp"

namespace socklid::siege {
namespace {

constexpr unsigned round_seconds = 20;  // then it is stuck in a call

int listener(std::uint16_t port, const Places& places, bool v6) {
  const int made = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  (void)::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (v6) (void)::setsockopt(made, SOL_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  const sockaddr_storage address = places.address({Role::any, v6, port});
  if (::bind(made, reinterpret_cast<const sockaddr*>(&address), size_of(address)) != 0) return made;
  (void)::listen(made, 16);
  return made;
}

/// Of what is sealed later: what it has from before.
std::vector<int> sockets_from_before(const Places& places) {
  std::vector<int> kept;
  if (!places.has_older()) return kept;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM, SOCK_DGRAM}) {
      kept.push_back(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    }
  }
  for (const std::uint16_t port : places.kept()) {
    kept.push_back(listener(port, places, true));
    kept.push_back(listener(port, places, false));
  }
  return kept;
}

void play(std::istringstream words, const Places& places, const std::vector<int>& kept) {
  std::uint64_t seed = 0;
  unsigned count = 0;
  words >> seed >> count;
  const std::vector<Step> steps = round_of(seed, count, places);
  std::vector<unsigned> numbers;
  bool logged = false;
  for (std::string word; words >> word;) {
    if (word == "log") {
      logged = true;
    } else {
      numbers.push_back(static_cast<unsigned>(std::stoul(word)));
    }
  }
  if (numbers.empty()) {
    numbers.resize(steps.size());
    std::iota(numbers.begin(), numbers.end(), 0U);
  }
  Field field(places, kept);
  field.run(steps, numbers, logged);
  field.settle();
  tell("settled");
  std::string answer;
  if (std::getline(std::cin, answer)) field.collect();
  // These live on: the next round finds them as this one did.
  for (const int socket : kept) {
    for (const Step& step : steps) {
      if (step.what == Do::join) leave(socket, step, places);
    }
  }
}

/// How the program that plays the round finds what to do, the sockets that it is handed, and how
/// many programs it becomes before.
constexpr const char* round_name = "SIEGE_ROUND";
constexpr const char* kept_name = "SIEGE_KEPT";
constexpr const char* hops_name = "SIEGE_HOPS";
constexpr const char* other_program = "/probe";

/// `argv` stays as it is: it says where everything is.
[[noreturn]] void become(const char* program, char** argv) {
  ::execv(program, argv);
  std::perror("besieger: exec");
  ::_exit(1);
}

[[noreturn]] void play_in_cage(const std::string& round, const Places& places,
                               const std::vector<int>& kept, char** argv) {
  std::string numbers;
  for (const int socket : kept) {
    (void)::fcntl(socket, F_SETFD, 0);
    numbers += std::to_string(socket) + ' ';
  }
  (void)::setenv(round_name, round.c_str(), 1);
  (void)::setenv(kept_name, numbers.c_str(), 1);
  (void)::setenv(hops_name, std::to_string(std::stoull(round) % 3).c_str(), 1);
  become(places.cage().c_str(), argv);
}

/// Another program, and the subject's again: neither ends the subject.
void hop(const Places& places, char** argv) {
  const int left = std::atoi(std::getenv(hops_name));
  if (left == 0) return;
  (void)::setenv(hops_name, std::to_string(left - 1).c_str(), 1);
  become(left == 1 ? other_program : places.cage().c_str(), argv);
}

int play_as_told(const Places& places, char** argv) {
  hop(places, argv);
  std::vector<int> kept;
  std::istringstream numbers(std::getenv(kept_name));
  for (int socket = 0; numbers >> socket;) kept.push_back(socket);
  if (!places.hands_over()) kept = sockets_from_before(places);
  play(std::istringstream(std::getenv(round_name)), places, kept);
  return 0;
}

int serve(const Places& places, char** argv) {
  const bool is_caged = !places.cage().empty();
  const std::vector<int> kept =
      is_caged && !places.hands_over() ? std::vector<int>() : sockets_from_before(places);
  tell("ready");
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb != "round") continue;  // "probed", for a round that is over already
    reset_sysctls();
    if (places.has_files()) prepare_files();
    const pid_t child = ::fork();
    if (child == 0) {
      (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::alarm(round_seconds);
      if (is_caged) play_in_cage(line.substr(verb.size()), places, kept, argv);
      play(std::move(words), places, kept);
      ::_exit(0);
    }
    int status = 0;
    (void)::waitpid(child, &status, 0);
    if (!WIFEXITED(status)) tell("settled");  // killed by what it did; nobody waits for it in vain
    tell("done");
  }
  return 0;
}

}  // namespace
}  // namespace socklid::siege

int main(int argc, char** argv) {
  using namespace socklid::siege;
  std::ios::sync_with_stdio(true);
  (void)::signal(SIGPIPE, SIG_IGN);
  if (argc == 3 && std::strcmp(argv[1], "accomplice") == 0)
    return answer_all(static_cast<std::uint16_t>(std::stoi(argv[2])));
  const Places places = Places::of(argc - 1, argv + 1);
  return std::getenv(round_name) != nullptr ? play_as_told(places, argv) : serve(places, argv);
}
