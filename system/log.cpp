// SPDX-License-Identifier: Apache-2.0
#include "system/log.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "base/json.hpp"
#include "base/text.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

constexpr std::size_t line_limit = 2048;
constexpr std::string_view program = "socklid-hook";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// "Nov 22 02:04:41", the form of RFC 3164 that rsyslog expects on the local socket.
std::string timestamp() {
  const time_t now = ::time(nullptr);
  struct tm parts {};
  std::array<char, 32> text{};
  if (::localtime_r(&now, &parts) == nullptr) return {};
  const std::size_t length = ::strftime(text.data(), text.size(), "%b %e %H:%M:%S", &parts);
  return {text.data(), length};
}

/// syslog(3) blocks when the log daemon does not read, and opens the console; this gives up.
void send_to_syslog(int priority, std::string_view line) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  constexpr std::string_view path = "/dev/log";
  std::copy(path.begin(), path.end(), address.sun_path);
  const std::string message = "<" + std::to_string(LOG_DAEMON | priority) + ">" + timestamp() +
                              " " + std::string(program) + "[" + std::to_string(::getpid()) +
                              "]: " + std::string(line);
  (void)::sendto(socket.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

std::optional<Refusal> refusal_from(std::string_view text) {
  const auto value = json::parse(text);
  if (!value) return std::nullopt;
  const auto time = value->find_integer("time");
  const auto exit = value->find_integer("exit");
  if (!time || !exit) return std::nullopt;
  return Refusal{.time = *time,
                 .id = value->find_string("id").value_or(""),
                 .exit = static_cast<int>(*exit),
                 .message = value->find_string("message").value_or(""),
                 .origin = value->find_string("origin").value_or(""),
                 .count = std::max<std::int64_t>(value->find_integer("count").value_or(1), 1)};
}

std::string to_json(const Refusal& refusal) {
  json::Object document{{"time", refusal.time},
                        {"id", refusal.id},
                        {"exit", refusal.exit},
                        {"message", refusal.message},
                        {"count", refusal.count}};
  if (!refusal.origin.empty()) document["origin"] = refusal.origin;
  return json::to_string(json::Value(std::move(document))) + "\n";
}

/// Of many pods or none: "/machine.slice", in which podman's containers without a pod are.
bool is_shared(std::string_view origin) {
  return origin.rfind('/') == 0;
}

/// Whether both are of one pod, or of one container where there is none.
bool is_of_one(const Refusal& a, const Refusal& b) {
  if (a.origin != b.origin) return false;
  return a.origin.empty() || is_shared(a.origin) ? a.id == b.id : true;
}

/// Sorts by time: nanoseconds of the real-time clock, padded, and the process id.
std::string new_refusal_name() {
  timespec now{};
  (void)::clock_gettime(CLOCK_REALTIME, &now);
  std::string digits = std::to_string(std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
  constexpr std::size_t width = 20;
  digits.insert(0, width - std::min(width, digits.size()), '0');
  return digits + "_" + std::to_string(::getpid()) + ".json";
}

std::string refusals_directory(const Paths& paths) {
  return paths.run + "/refusals";
}

bool is_finished(std::string_view name) {
  return name.ends_with(".json");
}

struct StoredRefusal {
  std::string name;  ///< of its file
  Refusal refusal;
};

/// Oldest first.
/// `names` are the directory's.
std::vector<StoredRefusal> stored_in(int directory, const std::vector<std::string>& names) {
  std::vector<StoredRefusal> stored;
  for (const std::string& name : names) {
    if (!is_finished(name)) continue;
    const auto text = read_file(directory, name, Exit::store);
    auto refusal = text ? refusal_from(*text) : std::nullopt;
    if (refusal) stored.push_back({name, std::move(*refusal)});
  }
  return stored;
}

}  // namespace

std::string without_engine_phrases(std::string_view text) {
  struct Phrase {
    std::string_view words, replacement;
  };
  constexpr std::array<Phrase, 4> phrases{{{"permission denied", "EACCES"},
                                           {"operation not permitted", "EPERM"},
                                           {"no such file or directory", "ENOENT"},
                                           {"executable file not found", "executable missing"}}};
  std::string result(text);
  for (const Phrase& phrase : phrases) {
    const auto same = [](char a, char b) { return lower(a) == lower(b); };
    auto from = result.begin();
    for (;;) {
      from = std::search(from, result.end(), phrase.words.begin(), phrase.words.end(), same);
      if (from == result.end()) break;
      const auto at = from - result.begin();
      result.replace(static_cast<std::size_t>(at), phrase.words.size(), phrase.replacement);
      from = result.begin() + at + static_cast<std::ptrdiff_t>(phrase.replacement.size());
    }
  }
  return result;
}

std::string log_line(std::string_view message) {
  return shortened(printable(without_engine_phrases(message)), line_limit);
}

void log_error(std::string_view message) {
  send_to_syslog(LOG_ERR, log_line(message));
}

void log_warning(std::string_view message) {
  send_to_syslog(LOG_WARNING, log_line(message));
}

void log_notice(std::string_view message) {
  send_to_syslog(LOG_NOTICE, log_line(message));
}

Result<> remember_refusal(const Paths& paths, const Refusal& refusal) {
  const UniqueFd directory = SL_TRY(make_directory(refusals_directory(paths)));
  const std::vector<std::string> names = SL_TRY(list_directory(directory.get()));
  const std::vector<StoredRefusal> stored = stored_in(directory.get(), names);
  Refusal next = refusal;
  next.message = log_line(refusal.message);
  std::vector<std::string> outdated;
  std::size_t of_one = 1;
  std::size_t beside = 1;
  std::size_t all = 1;
  for (auto one = stored.rbegin(); one != stored.rend(); ++one) {  // the newest first
    const bool same = is_of_one(one->refusal, next);
    const bool again =
        same && one->refusal.exit == next.exit && one->refusal.message == next.message;
    if (again) next.count += one->refusal.count;
    const bool neighbour = is_shared(next.origin) && one->refusal.origin == next.origin;
    if (again || (same && ++of_one > refusals_of_one) ||
        (neighbour && ++beside > refusals_of_shared) || ++all > max_refusals) {
      outdated.push_back(one->name);
    }
  }
  std::copy_if(names.begin(), names.end(), std::back_inserter(outdated), is_left_over);
  SL_CHECK(write_file_atomically(directory.get(), new_refusal_name(), to_json(next)));
  for (const std::string& name : outdated) SL_CHECK(remove_file(directory.get(), name));
  return {};
}

Result<std::vector<Refusal>> refusals(const Paths& paths) {
  std::vector<Refusal> found;
  const UniqueFd directory(
      ::open(refusals_directory(paths).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory && errno == ENOENT) return found;
  if (!directory) return fail_errno(Exit::store, "open " + refusals_directory(paths));
  const std::vector<std::string> names = SL_TRY(list_directory(directory.get()));
  for (StoredRefusal& stored : stored_in(directory.get(), names)) {
    found.push_back(std::move(stored.refusal));
  }
  return found;
}

}  // namespace socklid
