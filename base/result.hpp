// SPDX-License-Identifier: Apache-2.0
//
// Result<T>: a value, or an Error that says what failed in one line a person can act on.
//
//   Result<Mark> parse_mark(std::string_view text);
//   const Mark mark = SL_TRY(parse_mark(text));  // unwraps, or returns the error to our caller
//   SL_CHECK(netlink.send(batch));               // the same for Result<>
//   return fail(Exit::process, "process ", pid, " is gone");
//   return fail(Exit::annotation, "io.socklid.mark: ...", {.key = "io.socklid.mark"});
//
// Context is added on the way up (wrap()); an error is logged once, where it ends.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

#include "base/own_text.hpp"
#include "base/text.hpp"

namespace socklid {

/// Why a run failed: the exit status of socklid-hook, and so all that crun lets a person see.
/// Documented in docs/exit-codes.md and socklid-hook(8); a number never changes its meaning.
/// 1 and 2 are left to shells and runtimes, 126.. to exec and signals.
enum class Exit : int {
  ok = 0,
  internal = 10,     ///< a bug or out of memory
  usage = 11,        ///< bad arguments, or a stage that contradicts the state
  state = 12,        ///< standard input is not an OCI state we can use
  annotation = 13,   ///< an annotation of ours is unknown or does not parse
  unsupported = 14,  ///< asked for something this version cannot do (here)
  node = 15,         ///< the node lacks something: kernel, LSM, cgroup v2, bpffs, slots
  privilege = 16,    ///< we lack a capability, or run in a user namespace (rootless)
  process = 17,      ///< the container's process is dead, reused or not ours to judge
  cgroup = 18,       ///< the container has no cgroup of its own
  netns = 19,        ///< the network namespace cannot be entered or is not the container's own
  bpf = 20,          ///< the kernel refused a program, map or link
  nft = 21,          ///< the kernel refused the nft rules
  store = 22,        ///< state under /run or on bpffs cannot be written
  busy = 23,         ///< another run held the lock until our deadline
};

/// The part of an error that anybody may read, whoever chose where it is read: constants of ours
/// and numbers (I11).
struct Where {
  OwnText key{};          ///< the annotation of ours that is at fault, if it is one
  OwnText nearest{};      ///< the one that was probably meant, if there is no such annotation
  std::uint32_t byte{0};  ///< in its value, counted from 1; 0: not known, or not at one place
  friend bool operator==(const Where&, const Where&) = default;
};

/// `message` is one line without a trailing newline: context first, cause last, remedy if known. It
/// quotes what others wrote: it is for places of ours only, and printed through base/text.hpp.
struct Error {
  Exit exit{Exit::internal};
  std::string message;
  Where where{};
  friend bool operator==(const Error&, const Error&) = default;
};

template <typename T = void>
using Result = tl::expected<T, Error>;

/// An Error on its way: what a function returns in place of a Result's value.
using Failure = tl::unexpected<Error>;

[[nodiscard]] inline Failure fail(Exit exit, std::string message, Where where = {}) {
  return Failure(Error{exit, std::move(message), where});
}

/// The message in parts: concat() says what a part may be.
template <typename First, typename Second, typename... More>
requires(std::constructible_from<TextPart, const First&>&&
             std::constructible_from<TextPart, const Second&>) [[nodiscard]] Failure
    fail(Exit exit, const First& first, const Second& second, const More&... more) {
  return fail(exit, concat(first, second, more...));
}

/// "<what>: <strerror(error)>"; `error` is a positive errno.
[[nodiscard]] inline Failure fail_errno(Exit exit, std::string_view what, int error = errno) {
  return fail(exit, what, ": ", std::strerror(error));
}

/// The same error with context in front: "<context>: <message>".
[[nodiscard]] inline Failure wrap(std::string_view context, const Error& error) {
  return fail(error.exit, concat(context, ": ", error.message), error.where);
}

/// The same result; if it is an error that names no annotation, it is one about `key`.
template <typename T>
[[nodiscard]] Result<T> about(OwnText key, Result<T> result) {
  if (!result && result.error().where.key.empty()) result.error().where.key = key;
  return result;
}

}  // namespace socklid

#define SL_TRY(expression)                                                   \
  (__extension__({                                                           \
    auto sl_result = (expression);                                           \
    if (!sl_result) return ::socklid::Failure(std::move(sl_result).error()); \
    std::move(*sl_result);                                                   \
  }))

#define SL_CHECK(expression)                                                 \
  do {                                                                       \
    auto sl_result = (expression);                                           \
    if (!sl_result) return ::socklid::Failure(std::move(sl_result).error()); \
  } while (false)
