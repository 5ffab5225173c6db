// SPDX-License-Identifier: Apache-2.0
#include "annotations/policy.hpp"

#include <string_view>

#include "annotations/family.hpp"

namespace socklid::annotations {
namespace {

void append(std::string& out, std::string_view name, std::string_view value) {
  out += "io.socklid.";
  out += name;
  out += ": ";
  out += value;
  out += '\n';
}

void append(std::string& out, std::string_view name, Verdict verdict) {
  if (verdict == Verdict::deny) append(out, name, "deny");
}

void append(std::string& out, std::string_view name, const EndpointRule& rule) {
  if (rule.endpoints.empty()) {
    append(out, name, rule.otherwise);
  } else {
    append(out, name, to_string(rule.endpoints));
  }
}

/// The verbs that a restricting policy has, and a seal holds back.
bool denies_sockets(const Policy& policy) {
  return denies_new(policy) || policy.connect.otherwise == Verdict::deny ||
         policy.bind.otherwise == Verdict::deny;
}

}  // namespace

bool denies_new(const Policy& policy) {
  return policy.create == Verdict::deny || policy.create_tcp == Verdict::deny ||
         policy.create_udp == Verdict::deny;
}

bool restricts(const Policy& policy) {
  return denies_sockets(policy) || policy.egress || policy.families;
}

bool holds_back(const Policy& policy) {
  return denies_sockets(policy) || policy.listen == Verdict::deny ||
         policy.accept == Verdict::deny || policy.shutdown == Verdict::deny;
}

std::string to_string(const Policy& policy) {
  std::string out;
  append(out, "create", policy.create);
  append(out, "create.tcp", policy.create_tcp);
  append(out, "create.udp", policy.create_udp);
  if (policy.families) append(out, "families", to_string(*policy.families));
  append(out, "connect", policy.connect);
  append(out, "bind", policy.bind);
  append(out, "listen", policy.listen);
  append(out, "accept", policy.accept);
  append(out, "shutdown", policy.shutdown);
  if (policy.mark) append(out, "mark", to_string(*policy.mark));
  if (policy.egress) append(out, "egress", to_string(*policy.egress));
  if (policy.otherwise) {
    append(out, "otherwise", *policy.otherwise == Otherwise::drop ? "drop" : "reject");
  }
  if (policy.seal != Seal{}) append(out, "seal", to_string(policy.seal));
  return out;
}

}  // namespace socklid::annotations
