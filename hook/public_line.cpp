// SPDX-License-Identifier: Apache-2.0
#include "hook/public_line.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace socklid {
namespace {

struct ExitText {
  Exit exit;
  OwnText name;
  OwnText meaning;
};

/// As in docs/exit-codes.md.
constexpr ExitText exit_texts[] = {
    {Exit::ok, "ok", "the policy is in force"},
    {Exit::internal, "internal", "a fault of socklid's, or no memory"},
    {Exit::usage, "usage", "wrong arguments, or a stage that contradicts the state"},
    {Exit::state, "state", "standard input is not an OCI state that can be used"},
    {Exit::annotation, "annotation",
     "an annotation of socklid's is unknown, does not parse, or contradicts another"},
    {Exit::unsupported, "unsupported",
     "asked for something this version cannot do, or cannot do here"},
    {Exit::node, "node", "the node lacks something: kernel, LSM, cgroup v2, bpffs, slots"},
    {Exit::privilege, "privilege",
     "a capability is missing, or this is a rootless container engine: run the container as root"},
    {Exit::process, "process", "the container's process is dead, or its number is another's"},
    {Exit::cgroup, "cgroup", "the container has no cgroup of its own"},
    {Exit::netns, "netns",
     "the network namespace cannot be entered, or is not the container's own"},
    {Exit::bpf, "bpf", "the kernel refused a program, a map or a link"},
    {Exit::nft, "nft", "the kernel refused the nft rules"},
    {Exit::store, "store", "state under /run or on bpffs cannot be written"},
    {Exit::busy, "busy", "another run held the lock until the deadline"},
};

const ExitText& text_of(Exit exit) {
  for (const ExitText& one : exit_texts) {
    if (one.exit == exit) return one;
  }
  return text_of(Exit::internal);
}

/// Pipes, sockets and terminals have somebody who reads; what is written to a file stays.
bool has_reader(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return false;
  return S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || ::isatty(fd) == 1;
}

/// So that a reader who has stopped reading does not hold the container up.
bool takes_a_line(int fd) {
  pollfd one{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&one, 1, 0) == 1 && (one.revents & POLLOUT) != 0;
}

}  // namespace

PublicLine::PublicLine(Exit exit, const Where& where) {
  const ExitText& what = text_of(exit);
  text_ = "socklid-hook: exit " + std::to_string(static_cast<int>(what.exit)) + " (";
  text_.append(what.name.view()).append("): ");
  if (!where.key.empty()) {
    text_.append(where.key.view()).append(": ");
    if (where.byte > 0) text_ += "at byte " + std::to_string(where.byte) + " of its value: ";
  }
  text_ += what.meaning.view();
  if (!where.nearest.empty()) {
    text_.append("; did you mean ").append(where.nearest.view()).append("?");
  }
  text_ += "; the whole story: socklid doctor, and the system log\n";
}

bool may_print(const annotations::Annotations& annotations) {
  return annotations::hook_outlet(annotations).empty();
}

void print_line(int fd, const PublicLine& line) {
  if (!has_reader(fd) || !takes_a_line(fd)) return;
  (void)!::write(fd, line.text().data(), line.text().size());
}

}  // namespace socklid
