// SPDX-License-Identifier: Apache-2.0
#include "plan/subject_notes.hpp"

#include <algorithm>

#include "annotations/subject.hpp"
#include "base/text.hpp"

namespace socklid {
namespace {

using annotations::is_everyone_else;
using annotations::Policy;
using annotations::Subject;

std::string key_of(const Subject& subject) {
  return concat("io.socklid.subject.", subject.name);
}

/// The listens of a seal that a server with a socket for each version of IP would need.
void note_listens(const Subject& subject, std::vector<std::string>& notes) {
  std::string both;
  bool any = false;
  for (const annotations::Endpoint& one : subject.policy.seal.listens) {
    const std::string port = annotations::to_string(one);
    both += one.prefix ? concat("+", port) : concat("+", port, "@0.0.0.0+", port, "@::");
    any = any || !one.prefix;
  }
  if (!any) return;
  notes.push_back(concat(key_of(subject),
                         ": a server with a socket for each version of IP is "
                         "sealed when the first one listens: it needs seal=listen",
                         both));
}

/// What a seal of each run costs.
void note_seal(const Subject& subject, bool has_others, std::vector<std::string>& notes) {
  if (subject.policy.seal == annotations::Seal{}) return;
  const auto note = [&](std::string_view text) {
    notes.push_back(concat(key_of(subject), ": ", text));
  };
  note(
      concat("until the seal (", annotations::to_string(subject.policy.seal),
             ") create, connect, bind, listen, accept and shutdown are free; each start of it from "
             "outside begins anew"));
  note(
      "what it reads when it starts, such as its configuration and libraries, decides what it does "
      "before the seal: io.socklid.readonly keeps a worm from writing there");
  if (subject.inherit != annotations::inherit_all && !is_everyone_else(subject)) {
    note("whoever has left it by its levels may start it again, and is then free until the seal");
  }
  if (has_others && !is_everyone_else(subject)) {
    note("whoever is everyone else leaves that by starting it, and is then free until the seal");
  }
  note_listens(subject, notes);
}

void note_one(const Policy& container, const Subject& subject, std::vector<std::string>& notes) {
  const bool has_others =
      std::any_of(container.subjects.begin(), container.subjects.end(), is_everyone_else);
  const Policy& policy = subject.policy;
  const auto note = [&](std::string_view text) {
    notes.push_back(concat(key_of(subject), ": ", text));
  };
  if (subject.inherit != annotations::inherit_all) {
    note(concat("inherit=", subject.inherit == 0 ? "none" : std::to_string(subject.inherit),
                ": whoever runs in it leaves with ", subject.inherit + 1,
                subject.inherit == 0 ? " exec" : " execs", " of other programs"));
  }
  if (policy.egress && named(policy.bind).empty()) {
    note("egress without bind: no service is answered");
  }
  if (policy.egress) {
    note("egress judges loopback like any peer: name it, such as tcp/3306@127.0.0.1");
  }
  if (policy.mark && !policy.egress && !container.egress) {
    note("mark alone marks sockets and filters nothing");
  }
  note_seal(subject, has_others, notes);
}

/// Those of which another one has bits of the mark too, and so may win.
void note_marks(const Policy& policy, std::vector<std::string>& notes) {
  std::vector<const Subject*> marked;
  for (const Subject& subject : policy.subjects) {
    if (subject.policy.mark && !is_everyone_else(subject)) marked.push_back(&subject);
  }
  std::vector<std::string_view> names;
  for (const Subject* one : marked) {
    const bool overlaps = std::any_of(marked.begin(), marked.end(), [&](const Subject* other) {
      return other != one && (other->policy.mark->mask & one->policy.mark->mask) != 0;
    });
    if (overlaps) names.push_back(one->name);
  }
  if (names.empty()) return;
  notes.push_back(concat("the marks of the subjects ", joined(names, ", "),
                         " overlap: in a task that is in several the last of these wins"));
}

/// Who is in no subject can do more, and be asked for it.
void note_others(const Policy& policy, std::vector<std::string>& notes) {
  const bool all = std::any_of(policy.subjects.begin(), policy.subjects.end(),
                               [](const Subject& one) { return is_everyone_else(one); });
  if (!all) {
    notes.emplace_back(
        "a task in no subject is under the container's policy alone, and may act for a subject "
        "that asks it (a supervisor, cron, D-Bus, a shell); a subject of * is everyone else");
  }
  const bool named = std::any_of(policy.subjects.begin(), policy.subjects.end(),
                                 [](const Subject& one) { return !is_everyone_else(one); });
  if (!named) return;
  notes.emplace_back(
      "paths of subjects are looked up when the container starts; a copy of such a program that is "
      "made outside the subject, and one that is started through an interpreter or a loader by "
      "name (sh PATH, ld.so PATH), is not in the subject");
  notes.emplace_back(
      "program files of subjects, and the names that lead to them, cannot be changed in the "
      "container");
}

}  // namespace

void note_subjects(const Policy& policy, const Plan& plan, std::vector<std::string>& notes) {
  for (const Subject& subject : policy.subjects) note_one(policy, subject, notes);
  note_marks(policy, notes);
  if (!policy.subjects.empty()) note_others(policy, notes);
  if (!plan.readonly.empty()) {
    notes.emplace_back(
        "io.socklid.readonly holds inside the container: the host, and other containers that have "
        "the same volume, may write");
  }
}

}  // namespace socklid
