// SPDX-License-Identifier: Apache-2.0
//
// Fails if a policy printed and read back is another policy, if what counts as restricting the
// network changes, or if the parser does worse than refuse on mangled input.
#include "annotations/policy.hpp"

#include <gtest/gtest.h>

#include <random>

#include "annotations/family.hpp"
#include "annotations/subject.hpp"
#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

/// Random policies, the same ones in every run.
class Random {
 public:
  Policy policy() {
    Policy policy = own_policy();
    for (std::size_t left = below(4); left > 0; --left) add_subject(policy);
    if (coin()) policy.readonly = {{path(), false}, {"/srv", false}, {"/srv/" + word(), true}};
    return policy;
  }
  std::size_t below(std::size_t end) { return engine_() % end; }

 private:
  Policy own_policy() {
    Policy policy;
    for (Verdict Policy::*verdict : {&Policy::create, &Policy::create_tcp, &Policy::create_udp,
                                     &Policy::listen, &Policy::accept, &Policy::shutdown}) {
      policy.*verdict = coin() ? Verdict::allow : Verdict::deny;
    }
    if (coin()) policy.connect = endpoints(5);
    if (coin()) policy.bind = endpoints(2);
    if (coin()) policy.egress = endpoints(5);
    if (policy.egress && coin()) policy.otherwise = coin() ? Otherwise::drop : Otherwise::reject;
    if (policy.egress) policy.answers = static_cast<Answers>(below(3));
    if (coin()) policy.families = families();
    if (coin()) policy.mark = mark();
    if (restricts(policy)) policy.options = {.transparent = coin(), .source_groups = coin()};
    return policy;
  }
  /// With what only a container has taken out, and always a mark, so that it is one.
  void add_subject(Policy& policy) {
    Subject subject;
    subject.name = word();
    if (!policy.subjects.empty() && policy.subjects.back().name >= subject.name) return;
    for (std::size_t left = below(3); left > 0; --left) subject.exec.push_back(path());
    if (is_everyone_else(subject)) subject.exec.push_back("/bin/" + subject.name);
    subject.policy = own_policy();
    subject.policy.options = {};
    subject.policy.answers = {};
    subject.policy.mark = mark();
    if (coin()) subject.inherit = static_cast<std::uint8_t>(below(101));
    for (std::size_t left = below(5); left > 0; --left) {
      const auto from = static_cast<std::uint16_t>(below(720));
      subject.hours.push_back({from, static_cast<std::uint16_t>(from + 1 + below(720))});
    }
    if (!subject.hours.empty() && coin()) subject.zone = coin() ? "-03:30" : "Etc/GMT+1";
    policy.subjects.push_back(std::move(subject));
  }
  /// No two are alike.
  std::string word() { return "w" + std::to_string(10000 + words_++); }
  std::string path() { return "/" + word() + (coin() ? "/a+b,c=d" : ""); }
  std::size_t words_{0};
  bool coin() { return below(2) == 0; }
  std::uint32_t bits() { return static_cast<std::uint32_t>(engine_()); }

  std::vector<Endpoint> endpoints(std::size_t protocols) {
    std::vector<Endpoint> endpoints(below(5));
    for (Endpoint& endpoint : endpoints) {
      endpoint.protocol = static_cast<Protocol>(below(protocols));
      if (endpoint.protocol != Protocol::icmp && coin()) {
        const auto first = static_cast<std::uint16_t>(below(65536));
        endpoint.ports = {first, static_cast<std::uint16_t>(first + below(65536U - first))};
      }
      if (coin()) endpoint.prefix = prefix();
    }
    return sorted(std::move(endpoints));
  }
  Prefix prefix() {
    Prefix prefix;
    if (coin()) prefix.family = AddressFamily::ipv6;
    const std::size_t width = prefix.family == AddressFamily::ipv4 ? 32 : 128;
    prefix.bits = static_cast<std::uint8_t>(coin() ? width : below(width + 1));
    for (std::size_t bit = 0; bit < prefix.bits; ++bit) {
      if (coin()) prefix.address[bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
    }
    return prefix;
  }
  std::vector<Family> families() {
    std::vector<Family> families;
    for (std::size_t left = below(5); left > 0; --left) {
      families.push_back(family_names()[below(family_names().size())].family);
    }
    return sorted(std::move(families));
  }
  Mark mark() {
    Mark mark{.mask = coin() ? default_mark_mask : bits() | 1};
    mark.value = bits() & mark.mask;
    if (mark.value == 0) mark.value = 1;
    return mark;
  }
  template <typename T>
  static std::vector<T> sorted(std::vector<T> values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values;
  }

  std::mt19937 engine_{20031225};
};

TEST(Policy, PrintsNothingByDefault) {
  EXPECT_EQ(to_string(Policy{}), "");
}

TEST(Policy, PrintsOneLineForEachKeyInTheOrderOfTheReference) {
  const Annotations annotations{
      {"io.socklid.otherwise", "drop"}, {"io.socklid.egress", " "},
      {"io.socklid.create", "deny"},    {"io.socklid.mark", "16"},
      {"io.socklid.families", "inet"},  {"io.socklid.bind", "tcp/80,tcp/79"}};
  EXPECT_EQ(to_string(policy_of(annotations)),
            "io.socklid.create: deny\n"
            "io.socklid.families: inet\n"
            "io.socklid.bind: tcp/79 tcp/80\n"
            "io.socklid.mark: 0x10\n"
            "io.socklid.egress: \n"
            "io.socklid.otherwise: drop\n");
}

TEST(Policy, ReadsBackAsPrinted) {
  Random random;
  for (int i = 0; i < 1000; ++i) {
    const Policy policy = random.policy();
    const std::string text = to_string(policy);
    EXPECT_EQ(policy_of(from_lines(text)), policy) << text;
  }
}

TEST(Policy, IsRefusedAtWorstWhenMangled) {
  Random random;
  const std::string_view noise = "/-@,:. 019xfd\n\xff%{\"=+*!#";
  for (int i = 0; i < 2000; ++i) {
    std::string text = to_string(random.policy());
    if (text.empty()) continue;
    text[random.below(text.size())] = noise[random.below(noise.size())];
    const auto policy = parse(from_lines(text));
    if (policy) {
      EXPECT_EQ(parse(from_lines(to_string(*policy))), *policy) << text;
    } else {
      EXPECT_TRUE(is_presentable(policy.error().message)) << policy.error().message;
    }
  }
}

TEST(Policy, RestrictsTheNetworkByTheseKeysOnly) {
  for (const auto& [key, value] : Annotations{{"io.socklid.create", "deny"},
                                              {"io.socklid.create.tcp", "deny"},
                                              {"io.socklid.create.udp", "deny"},
                                              {"io.socklid.connect", "deny"},
                                              {"io.socklid.bind", "deny"},
                                              {"io.socklid.egress", ""},
                                              {"io.socklid.families", "inet"}}) {
    EXPECT_TRUE(restricts(policy_of({{key, value}}))) << key;
  }
  EXPECT_TRUE(restricts(policy_of({{"io.socklid.bind", "tcp/80"}})));
  EXPECT_FALSE(restricts(Policy{}));
  for (const auto& [key, value] : Annotations{{"io.socklid.listen", "deny"},
                                              {"io.socklid.accept", "deny"},
                                              {"io.socklid.shutdown", "deny"},
                                              {"io.socklid.mark", "3"},
                                              {"io.socklid.bind", "allow"}}) {
    EXPECT_FALSE(restricts(policy_of({{key, value}}))) << key;
  }
}

}  // namespace
}  // namespace socklid::annotations
