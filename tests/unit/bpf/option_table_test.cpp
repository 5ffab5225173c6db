// SPDX-License-Identifier: Apache-2.0
//
// The table of socket options (bpf/decide_option_table.h) against the kernel's headers, and each of
// its rows through sl_decide(). Fails when a header of this machine, or the list of Linux 7.2's
// numbers (tests/data/socket-options.txt), has an option without a row; when a row has a number
// that no header has; when a row is answered in another way than its kind says, or by one family in
// another way than by the other.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/decide_attempts.hpp"

namespace socklid {
namespace {

Policy connect_list(std::vector<Endpoint> peers) {
  Policy policy;
  policy.connect = std::move(peers);
  return policy;
}

struct Row {
  std::string name;
  int number;
  sl_option_kind kind;
};
struct Level {
  std::string name;
  int number;
  std::vector<Row> rows;
};

#define ROW(name, number, kind) {#name, number, SL_OPTION_##kind},
#define OPTION_LEVEL(name, number) {#name, number, {SL_OPTIONS_##name(ROW)}},
#define CONTROL_LEVEL(name, number) {#name, number, {SL_CONTROLS_##name(ROW)}},
const std::vector<Level>& options() {
  static const std::vector<Level> levels = {SL_OPTION_LEVELS(OPTION_LEVEL)};
  return levels;
}
const std::vector<Level>& controls() {
  static const std::vector<Level> levels = {SL_CONTROL_LEVELS(CONTROL_LEVEL)};
  return levels;
}

std::set<int> numbers_of(const std::string& level) {
  std::set<int> numbers;
  for (const Level& one : options()) {
    if (one.name != level) continue;
    for (const Row& row : one.rows) numbers.insert(row.number);
  }
  return numbers;
}

/// A header, the level of its options, what their names begin with, and which such names are none.
struct Header {
  std::string level;
  std::string path;
  std::string names;
  std::string but;
};

const Header headers[] = {
    {"SOCKET", "asm-generic/socket.h", "(SO|SCM)_", "^$"},
    {"IP", "linux/in.h", "(IP|MCAST)_", "_PMTUDISC_|_DEFAULT_|_EXCLUDE$|_INCLUDE$"},
    {"IPV6", "linux/in.h", "MCAST_", "_EXCLUDE$|_INCLUDE$"},
    {"IPV6", "linux/in6.h", "IPV6_",
     "^IPV6_(FL_|FLOWINFO_FLOWLABEL|FLOWINFO_PRIORITY|PRIORITY_|TLV_|PMTUDISC_|PREFER_)"},
    {"IP", "linux/netfilter_ipv4.h", "SO_", "^$"},
    {"IP", "linux/netfilter/ipset/ip_set.h", "SO_IP_SET", "^$"},
    {"TCP", "linux/tcp.h", "TCP_",
     "^TCP_(MSS_|REPAIR_ON|REPAIR_OFF|MD5SIG_MAXKEYLEN|MD5SIG_FLAG|AO_MAXKEYLEN|AO_KEYF|RECEIVE_|"
     "ACCECN_)"},
    {"UDP", "linux/udp.h", "UDP_", "^UDP_ENCAP_"},
    {"ICMPV6", "linux/icmpv6.h", "ICMPV6_FILTER", "FILTER_"},
    {"RAW", "linux/icmp.h", "ICMP_FILTER", "^$"},
    {"SCTP", "linux/sctp.h", "SCTP_",
     "^SCTP_((FUTURE|CURRENT|ALL)_ASSOC$|PR_SCTP_|ENABLE_(RESET|CHANGE|STRRESET)_|STREAM_RESET_|"
     "ASSOC_(RESET|CHANGE)_|BINDX_)"},
    {"DCCP", "linux/dccp.h", "DCCP_SOCKOPT_", "^$"},
    {"TLS", "linux/tls.h", "TLS_[TR]X", "^$"},
};

TEST(OptionTable, HasEachOptionOfTheHeadersOfThisMachine) {
  const std::regex definition(R"(^\s*#\s*define\s+([A-Z][A-Z0-9_]+)\s+([0-9]+)(\s.*)?$)");
  for (const Header& header : headers) {
    std::ifstream file("/usr/include/" + header.path);
    ASSERT_TRUE(file) << header.path;
    const std::set<int> known = numbers_of(header.level);
    std::size_t seen = 0;
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (!std::regex_match(line, match, definition)) continue;
      const std::string name = match[1];
      if (!std::regex_search(name, std::regex("^" + header.names)) ||
          std::regex_search(name, std::regex(header.but))) {
        continue;
      }
      ++seen;
      EXPECT_TRUE(known.contains(std::stoi(match[2])))
          << header.path << ": " << name << " " << match[2] << " has no row in "
          << "bpf/decide_option_table.h";
    }
    EXPECT_GT(seen, 0U) << header.path;
  }
}

TEST(OptionTable, HasEachOptionOfLinux72AndNoOther) {
  std::ifstream file(SOCKLID_TEST_DATA "/socket-options.txt");
  ASSERT_TRUE(file);
  std::map<std::string, std::set<int>> listed;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string level;
    std::string name;
    int number = 0;
    ASSERT_TRUE(fields >> level >> number >> name) << line;
    listed[level].insert(number);
    EXPECT_TRUE(numbers_of(level).contains(number)) << line;
  }
  // In a comment of linux/udp.h only, since 7.1 has no UDP-Lite any more.
  listed["UDP"].insert({10, 11});
  listed["UDPLITE"] = listed["UDP"];
  for (const Level& level : options()) {
    for (const Row& row : level.rows) {
      EXPECT_TRUE(listed[level.name].contains(row.number)) << level.name << " " << row.name;
    }
  }
}

/// What a restricting policy that names nothing answers.
int answer_of(sl_option_kind kind) {
  switch (kind) {
    case SL_OPTION_ABSENT:
      return ENOPROTOOPT;
    case SL_OPTION_OWN:
    case SL_OPTION_READ:
      return 0;
    default:
      return EPERM;
  }
}

Policy nothing_named() {
  Policy policy;
  policy.connect.emplace();
  policy.bind.emplace();
  policy.egress.emplace();
  return policy;
}

sl_attempt option_of(int family, int level, int number, bool control = false) {
  sl_attempt attempt = on(SL_VERB_SETSOCKOPT, static_cast<std::uint16_t>(family), datagram);
  attempt.level = level;
  attempt.option = number;
  attempt.flags = control ? SL_ATTEMPT_CONTROL : 0;
  return attempt;
}

TEST(OptionTable, IsAnsweredAsItsKindsSayByBothFamilies) {
  const Plan plan = compile(nothing_named());
  const Plan open = compile(Policy{});
  for (const bool control : {false, true}) {
    for (const Level& level : control ? controls() : options()) {
      std::map<int, sl_option_kind> kinds;
      for (const Row& row : level.rows) kinds[row.number] = row.kind;
      for (int number = -1; number < 1300; ++number) {
        const auto row = kinds.find(number);
        const sl_option_kind kind = row == kinds.end() ? SL_OPTION_ABSENT : row->second;
        const int expected = control && kind == SL_OPTION_ABSENT ? EINVAL : answer_of(kind);
        for (const int family : {inet, inet6}) {
          const sl_attempt attempt = option_of(family, level.number, number, control);
          ASSERT_EQ(-sl_decide(&plan.image, &attempt).error, expected)
              << level.name << " " << number << " of family " << family;
          ASSERT_EQ(sl_decide(&open.image, &attempt).error, 0);
        }
      }
    }
  }
}

TEST(OptionTable, OfALevelThatNobodyHasIsUnknown) {
  for (const int level : {-1, 2, 33, 115, 254, 263, 270, 273, 283, 1000}) {
    EXPECT_EQ(decide(nothing_named(), option_of(inet, level, 1)), ENOPROTOOPT) << level;
    EXPECT_EQ(decide(nothing_named(), option_of(inet6, level, 1, true)), EINVAL) << level;
  }
}

/// Netlink's own options, and those of a family that was opened.
TEST(OptionTable, IsForSocketsOfInetOnly) {
  Policy policy = nothing_named();
  policy.families = {{annotations::Family::Kind::address_family, 17}};
  EXPECT_EQ(decide(policy, option_of(16, 270, 11)), 0);
  EXPECT_EQ(decide(policy, option_of(17, 263, 18)), 0);
  EXPECT_EQ(decide(policy, option_of(1, 1, 36)), 0);
  EXPECT_EQ(decide(policy, option_of(17, 1, 36)), EPERM);
  EXPECT_EQ(decide(policy, option_of(17, 1, 50)), EPERM);
}

TEST(OptionTable, OpensByTheKeyWhatItsWordsSay) {
  const struct {
    int level, number;
    bool transparent, source_groups;
  } cases[] = {{0, 19, true, false},  {0, 15, true, false},  {41, 75, true, false},
               {41, 78, true, false}, {0, 39, false, true},  {0, 46, false, true},
               {41, 46, false, true}, {41, 48, false, true}, {41, 27, false, false},
               {6, 19, false, false}, {1, 36, false, false}};
  for (const auto& one : cases) {
    for (const bool transparent : {false, true}) {
      Policy policy = nothing_named();
      policy.options = {.transparent = transparent, .source_groups = !transparent};
      const bool open = transparent ? one.transparent : one.source_groups;
      EXPECT_EQ(decide(policy, option_of(inet, one.level, one.number)), open ? 0 : EPERM)
          << one.level << "/" << one.number;
    }
  }
}

TEST(OptionTable, AGroupIsJoinedWhereReportsMayLeave) {
  for (const auto& [level, number] : {std::pair{0, 35}, {0, 42}, {41, 20}, {41, 42}}) {
    sl_attempt join = option_of(inet6, level, number);
    EXPECT_EQ(decide(connect_list({}), join), 0);
    Policy policy;
    policy.egress.emplace();
    EXPECT_EQ(decide(policy, join), EPERM);
    EXPECT_EQ(decision(policy, join).reason, SL_REASON_JOIN);
    policy.egress = connect_list({port(Protocol::tcp, 80)}).connect;
    policy.mark = annotations::Mark{3, annotations::default_mark_mask};
    join.mark = 3;
    EXPECT_EQ(decide(policy, join), 0);
    join.mark = 0;  // made elsewhere: the program that counts does not see it
    EXPECT_EQ(decision(policy, join).reason, SL_REASON_FOREIGN);
  }
}

/// A choice of ports is a bind.
TEST(OptionTable, ARangeOfPortsIsForWhoMayBind) {
  const sl_attempt range = option_of(inet, 0, 51);
  EXPECT_EQ(decision(bind_list({}), range).reason, SL_REASON_BIND);
  EXPECT_EQ(decision(bind_list({port(Protocol::udp, 53)}), range).reason, SL_REASON_BIND);
  EXPECT_EQ(decide(connect_list({}), range), 0);
}

}  // namespace
}  // namespace socklid
