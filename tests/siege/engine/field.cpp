// SPDX-License-Identifier: Apache-2.0
#include "tests/siege/engine/field.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "tests/siege/engine/files.hpp"
#include "tests/siege/engine/node.hpp"
#include "tests/siege/engine/option.hpp"
#include "tests/siege/engine/race.hpp"
#include "tests/siege/engine/send.hpp"

namespace socklid::siege {
namespace {

int result_of(int returned) {
  return returned < 0 ? errno : 0;
}

int number_of(int socket, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool is_inet(int socket) {
  const int domain = number_of(socket, SO_DOMAIN);
  return domain == AF_INET || domain == AF_INET6;
}

sockaddr_storage name_of(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  (void)::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size);
  return name;
}

std::string port_text(int socket) {
  return std::to_string(port_of(name_of(socket)));
}

int choose(int socket, const sockaddr_storage& peer, int (*call)(int, const sockaddr*, socklen_t)) {
  return result_of(call(socket, reinterpret_cast<const sockaddr*>(&peer), size_of(peer)));
}

/// One datagram; 0 or an errno.
int receive(int socket) {
  std::array<char, 2048> data{};
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  const ssize_t got = ::recvfrom(socket, data.data(), data.size(), MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(&peer), &size);
  if (got < 0) return errno;
  const std::string text(data.data(), static_cast<std::size_t>(got));
  // What the prober has sent bears its word; the rest is echoes and the container's own.
  const std::size_t word = text.find("unasked-");
  if (word != std::string::npos && is_inet(socket) && number_of(socket, SO_TYPE) == SOCK_DGRAM) {
    tell("received " + port_text(socket) + " " + text_of(peer) + " " +
         text.substr(word, text.find('\n', word) - word));
  }
  return 0;
}

/// For the report alone; false if there is none to accept.
bool accept_once(int listener) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  const int made = ::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK);
  if (made < 0) return false;
  tell("accepted " + port_text(made) + " " + text_of(peer));
  ::close(made);
  return true;
}

}  // namespace

void tell(const std::string& line) {
  const std::string whole = line + "\n";
  (void)!::write(STDOUT_FILENO, whole.data(), whole.size());
}

Field::Field(const Places& places, const std::vector<int>& kept) : places_(&places), kept_(&kept) {
  pool_.fill(-1);
}

void Field::put(unsigned slot, int socket) {
  if (at(slot) >= 0) ::close(at(slot));
  at(slot) = socket;
}

void Field::run(const std::vector<Step>& steps, const std::vector<unsigned>& numbers, bool logged) {
  pid_t child = -1;
  std::size_t child_ends = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (child == 0 && i == child_ends) ::_exit(0);
    const Step& step = steps.at(numbers[i]);
    if (step.what == Do::child && child != 0) {
      child = ::fork();
      child_ends = i + 1 + step.v[0];
      if (child > 0) (void)::waitpid(child, nullptr, 0);
      // What the child has done is not done again.
      if (child > 0) i += step.v[0];
      if (child == 0 && step.v[1] != 0)
        (void)::unshare(CLONE_NEWNET | (places_->has_files() ? CLONE_NEWNS : 0));
      continue;
    }
    const int error = run(step);
    if (logged) {
      tell("op " + std::to_string(numbers[i]) + " " + text_of(step, *places_) + " = " +
           (error == 0 ? "ok" : ::strerrorname_np(error)));
    }
  }
  if (child == 0) ::_exit(0);
}

int Field::make(const Step& step) {
  const int type = static_cast<int>(step.v[1]) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const int made = ::socket(static_cast<int>(step.v[0]), type, static_cast<int>(step.v[2]));
  if (made < 0) return errno;
  const int reuse = static_cast<int>(step.v[3]);
  (void)::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
  put(step.slot, made);
  return 0;
}

int Field::bind(const Step& step) {
  const int socket = at(step.slot);
  const int error = choose(socket, for_socket(socket, step.x, *places_), ::bind);
  if (error == 0 && step.x.port != 0 && is_inet(socket)) {
    tell(std::string("bound ") + (number_of(socket, SO_TYPE) == SOCK_STREAM ? "tcp " : "udp ") +
         port_text(socket));
  }
  return error;
}

sockaddr_storage Field::peer_of(const Step& step) const {
  if (step.v[5] != 0) return name_of(pool_.at((step.v[5] - 1) % slots));
  return for_socket(pool_.at(step.slot % slots), step.x, *places_);
}

int Field::accept(unsigned slot, unsigned into) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  const int listener = at(slot);
  const int made =
      ::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (made < 0) return errno;
  if (is_inet(made)) tell("accepted " + port_text(made) + " " + text_of(peer));
  put(into, made);
  return 0;
}

int Field::duplicate(int socket, unsigned into) {
  const int made = ::fcntl(socket, F_DUPFD_CLOEXEC, 3);
  if (made < 0) return errno;
  put(into, made);
  return 0;
}

int Field::run(const Step& step) {
  const int socket = at(step.slot);
  switch (step.what) {
    case Do::make:
      return make(step);
    case Do::take:
      return kept_->empty() ? ENOENT : duplicate((*kept_)[step.v[0] % kept_->size()], step.slot);
    case Do::bind:
      return bind(step);
    case Do::connect:
      return choose(socket, peer_of(step), ::connect);
    case Do::disconnect:
      return choose(socket, {}, ::connect);
    case Do::listen:
      return result_of(::listen(socket, 16));
    case Do::accept:
      return accept(step.slot, step.other);
    case Do::send:
      return send_step(socket, peer_of(step), step, *places_);
    case Do::send_two:
      return send_two(socket, step, *places_);
    case Do::send_raw:
      return send_raw(socket, step, *places_);
    case Do::receive:
      return receive(socket);
    case Do::shutdown: {
      const int error = result_of(::shutdown(socket, SHUT_RDWR));
      if (error == 0 && is_inet(socket)) tell("shut");
      return error;
    }
    case Do::close:
      put(step.slot, -1);
      return 0;
    case Do::dup:
      return step.slot == step.other ? 0 : duplicate(socket, step.other);
    case Do::option:
      return set_option(socket, step, *places_);
    case Do::join:
      return join(socket, step, *places_);
    case Do::sysctl:
      return write_sysctl(step);
    case Do::netlink:
      return ask_netlink(step, *places_);
    case Do::ioctl:
      return ask_by_ioctl(socket, step, *places_);
    case Do::race:
      put(step.slot, race(step, *places_));
      if (at(step.slot) < 0) return EBADF;
      if (is_listening(at(step.slot)) && port_of(name_of(at(step.slot))) != step.x.port) {
        strays_.push_back(::fcntl(at(step.slot), F_DUPFD_CLOEXEC, 3));
      }
      return 0;
    case Do::child:  // in a child there are no further ones
      return 0;
    case Do::pause:
      return result_of(::usleep(1000 * step.v[0]));
    case Do::file:
      return change_file(step);
  }
  return ENOSYS;
}

std::vector<int> Field::of_inet() const {
  std::vector<int> found = strays_;
  std::copy_if(pool_.begin(), pool_.end(), std::back_inserter(found),
               [](int socket) { return socket >= 0; });
  std::erase_if(found, [](int socket) { return !is_inet(socket); });
  return found;
}

void Field::settle() const {
  for (const int socket : of_inet()) {
    if (port_of(name_of(socket)) == 0) continue;
    if (is_listening(socket)) {
      tell("listening " + port_text(socket));
    } else if (number_of(socket, SO_TYPE) == SOCK_DGRAM) {
      tell("datagram " + port_text(socket));
    }
  }
}

void Field::collect() const {
  constexpr unsigned most = 64;
  for (const int socket : of_inet()) {
    const bool listens = is_listening(socket);
    for (unsigned i = 0; i < most && (listens ? accept_once(socket) : receive(socket) == 0); ++i) {
    }
  }
}

}  // namespace socklid::siege
