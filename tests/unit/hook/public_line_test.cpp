// SPDX-License-Identifier: Apache-2.0
//
// Fails if a byte that somebody else wrote can get into the line that the hook writes to its
// standard error, if the line is written to a file or for a state that may lead to one, if it
// blocks, or if podman would take it for its own.
#include "hook/public_line.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "system/log.hpp"
#include "tests/support/harmless.hpp"
#include "tests/support/temporary_directory.hpp"

namespace socklid {
namespace {

using annotations::Annotations;

std::string line_of(const Annotations& annotations) {
  const auto parsed = annotations::parse(annotations);
  EXPECT_FALSE(parsed);
  return parsed ? "" : PublicLine(parsed.error().exit, parsed.error().where).text();
}

TEST(PublicLine, NamesTheKeyThePlaceAndWhatWasMeant) {
  EXPECT_EQ(line_of({{"io.socklid.bind", "tcp/80 udp/x"}}),
            "socklid-hook: exit 13 (annotation): io.socklid.bind: at byte 12 of its value: an "
            "annotation of socklid's is unknown, does not parse, or contradicts another; the whole "
            "story: socklid doctor, and the system log\n");
  EXPECT_NE(line_of({{"io.socklid.conect", "deny"}}).find("did you mean io.socklid.connect?"),
            std::string::npos);
  EXPECT_NE(line_of({{"io.socklid.mode", "audit"}}).find("(unsupported): io.socklid.mode: "),
            std::string::npos);
  EXPECT_NE(
      line_of({{"io.socklid.policy", R"({"bind": "tcp/x"})"}}).find("io.socklid.bind: at byte 5"),
      std::string::npos);
}

/// In each place where an author can write, a word that is in no line of ours.
TEST(PublicLine, HoldsNothingThatTheAuthorWrote) {
  const std::string word = "XYZZY";
  std::vector<Annotations> all;
  for (const annotations::KeyInfo& key : annotations::keys()) {
    const std::string name(key.name);
    all.push_back({{name, word}});
    all.push_back({{name, "tcp/80 " + word}});
    all.push_back({{name, std::string(5000, ' ') + word}});
    all.push_back({{name, R"({"bind": "XYZZY"})"}});
    all.push_back({{name, R"({"XYZZY": "tcp/80"})"}});
    all.push_back({{name + word, "deny"}});
    all.push_back({{name + "/" + word, "deny"}});
    all.push_back({{name + "/xyzzy", "deny"}, {"io.container.manager", "libpod"}});
    all.push_back({{name + "/xyzzy", word}, {"io.kubernetes.container.name", "xyzzy"}});
    all.push_back({{name, "deny"}, {"run.oci.hooks." + word, word}});
  }
  all.push_back({{"io.socklid.egress", ""}, {"io.socklid.policy", R"({"egress": "tcp/1"})"}});
  all.push_back({{"io.socklid.otherwise", "drop"}});
  std::size_t lines = 0;
  std::size_t placed = 0;
  for (const Annotations& annotations : all) {
    const auto parsed = annotations::parse(annotations);
    if (parsed) continue;
    ++lines;
    const std::string line = PublicLine(parsed.error().exit, parsed.error().where).text();
    EXPECT_EQ(line.find(word), std::string::npos) << line;
    EXPECT_EQ(line.find("xyzzy"), std::string::npos) << line;
    EXPECT_TRUE(is_harmless(line) && line.find('\n') == line.size() - 1) << line;
    if (parsed.error().where != Where{}) ++placed;
  }
  EXPECT_GT(lines, 100U);
  EXPECT_GT(placed, 80U);  // unknown keys, and what others have beside ours, have no place
}

TEST(PublicLine, OfEveryExitIsShortAndNoPhraseOfPodmans) {
  std::set<std::string> seen;
  for (int exit = 10; exit <= 23; ++exit) {
    const std::string line = PublicLine(static_cast<Exit>(exit), {}).text();
    EXPECT_EQ(without_engine_phrases(line), line);
    EXPECT_LT(line.size(), 4096U);
    EXPECT_NE(line.find("exit " + std::to_string(exit) + " ("), std::string::npos) << line;
    seen.insert(line);
  }
  EXPECT_EQ(seen.size(), 14U);
}

TEST(PublicLine, IsForNoStateThatNamesAnOutlet) {
  EXPECT_TRUE(may_print({}));
  EXPECT_TRUE(may_print({{"io.socklid.bind", "x"}, {"run.oci.systemd.subgroup", "x"}}));
  for (const char* key : {"run.oci.hooks.stderr", "run.oci.hooks.stdout", "run.oci.hooks.x",
                          "run.oci.hooks", "run.oci.hooks."}) {
    EXPECT_FALSE(may_print({{key, ""}})) << key;
  }
}

TEST(PublicLine, AnOutletBesideAKeyOfOursIsRefusedByName) {
  for (const auto& [key, named] :
       std::map<std::string, std::string>{{"run.oci.hooks.stderr", "run.oci.hooks.stderr: "},
                                          {"run.oci.hooks.stdout", "run.oci.hooks.stdout: "},
                                          {"run.oci.hooks.XYZZY", "run.oci.hooks.*: "}}) {
    const auto parsed = annotations::parse({{key, "/etc/XYZZY"}, {"io.socklid.create", "deny"}});
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().exit, Exit::annotation);
    EXPECT_TRUE(parsed.error().message.starts_with(named)) << parsed.error().message;
    EXPECT_EQ(parsed.error().message.find("XYZZY"), std::string::npos);
  }
}

class Tell : public testing::Test {
 protected:
  static std::string read_some(int fd) {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    return {buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
  }
  const PublicLine line_{Exit::annotation, {.key = "io.socklid.bind"}};
};

TEST_F(Tell, WritesToAPipeAndASocket) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  const UniqueFd out(ends[0]);
  const UniqueFd in(ends[1]);
  print_line(in.get(), line_);
  EXPECT_EQ(read_some(out.get()), line_.text());
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  const UniqueFd here(ends[0]);
  const UniqueFd there(ends[1]);
  print_line(here.get(), line_);
  EXPECT_EQ(read_some(there.get()), line_.text());
}

TEST_F(Tell, LeavesFilesAsTheyAre) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/preload";
  const UniqueFd file(::open(path.c_str(), O_CREAT | O_RDWR | O_APPEND, 0600));
  ASSERT_TRUE(file);
  print_line(file.get(), line_);
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_END), 0);
  print_line(-1, line_);
}

TEST_F(Tell, DoesNotWaitForAReader) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, 0), 0);
  const UniqueFd out(ends[0]);
  const UniqueFd in(ends[1]);
  const int size = ::fcntl(in.get(), F_GETPIPE_SZ);
  ASSERT_GT(size, 0);
  const std::string block(static_cast<std::size_t>(size), 'x');
  ASSERT_EQ(::write(in.get(), block.data(), block.size()), static_cast<ssize_t>(block.size()));
  print_line(in.get(), line_);  // would never return
}

}  // namespace
}  // namespace socklid
