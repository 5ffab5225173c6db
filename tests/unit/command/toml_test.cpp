// SPDX-License-Identifier: Apache-2.0
//
// Fails if a value is not found where it stands in the document, if a table passes for one with a
// header of its own, or if a document that is none is an accident and not an error.
#include "command/toml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command/containerd/toml.hpp"
#include "command/doctor/containers_conf.hpp"

namespace socklid::command {
namespace {

using Made = TomlValue::Made;
using testing::ElementsAre;
using testing::HasSubstr;

TomlValue read(std::string_view text) {
  auto document = parse_toml(text);
  EXPECT_TRUE(document) << document.error().message;
  return document.value_or(TomlValue{});
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Toml, ValuesKnowTheirLines) {
  const TomlValue document = read(
      "a = 1\n[x.\"y.z\"] # c\n b = [ \"[\",\n [\"#\"], 'd'\n]\n'c.d' = "
      "\"=\"\n[[l]]\ne={f=[\n]}\n");
  EXPECT_EQ(document.find("a")->integer, 1);
  EXPECT_EQ(document.find("a")->begin, 0U);
  EXPECT_EQ(document.find("a")->end, 1U);
  const TomlValue* const table = document.find("x")->find("y.z");
  EXPECT_EQ(table->begin, 1U);
  EXPECT_EQ(table->find("b")->begin, 2U);
  EXPECT_EQ(table->find("b")->end, 5U);
  EXPECT_THAT(table->find("b")->strings(), ElementsAre("[", "d"));
  EXPECT_THAT(table->find("c.d")->strings(), ElementsAre("="));
  EXPECT_EQ(document.find("l")->items.size(), 1U);
  EXPECT_EQ(document.find("nothing"), nullptr);
}

TEST(Toml, TablesKnowHowTheyAreMade) {
  const TomlValue document = read(
      "[a.b.c]\nd.e = 1\nf = {g = 1}\n  [ h . 'i' ] # c\n[a.b.c.j]\n[a.b]\n[[l]]\n[k.\"m\".n]\n");
  const TomlValue* const a = document.find("a");
  EXPECT_EQ(a->made, Made::above);
  EXPECT_EQ(a->find("b")->made, Made::header);
  EXPECT_EQ(a->find("b")->begin, 5U);
  const TomlValue* const c = a->find("b")->find("c");
  EXPECT_EQ(c->made, Made::header);
  EXPECT_EQ(c->find("d")->made, Made::key);
  EXPECT_FALSE(c->find("d")->is_inline);
  EXPECT_EQ(c->find("f")->made, Made::key);
  EXPECT_TRUE(c->find("f")->is_inline);
  EXPECT_EQ(c->find("j")->made, Made::header);
  EXPECT_EQ(document.find("h")->made, Made::above);
  EXPECT_EQ(document.find("h")->find("i")->made, Made::header);
  EXPECT_EQ(document.find("k")->find("m")->made, Made::above);
  EXPECT_EQ(document.find("l")->items.front().made, Made::key);
}

TEST(Toml, StringsAreWrittenAsTheyAreRead) {
  for (const std::string text : {"", "io.socklid.*/*", "a\"b\\c", "tab\tnewline\nbell\x07", "ä"}) {
    EXPECT_THAT(read("a = " + toml_string(text)).find("a")->strings(), ElementsAre(text));
  }
}

TEST(Toml, WhatIsNoneIsAnErrorWithItsLine) {
  const std::string huge(1024 * 1024, 'x');
  for (const std::string& text : std::vector<std::string>{
           "a", "a = ", "a = [", "a = {b = 1", "a = \"", "a = 1 b = 2", "[a", "a = 1\na = 2",
           "[a]\n[a]", "a = {b = 1}\n[a.c]", "a = \"\xff\"", "\xc3", "a = '\x01'", huge,
           "a = " + repeated("[", 100000), "a = " + repeated("{b = ", 100000),
           "a = " + repeated("[", 33) + repeated("]", 33), std::string("a = 1\0b", 7)}) {
    const auto document = parse_toml(text);
    ASSERT_FALSE(document) << text.substr(0, 80);
    EXPECT_EQ(document.error().exit, Exit::usage);
    EXPECT_THAT(document.error().message, HasSubstr("line ")) << text.substr(0, 80);
  }
  EXPECT_THAT(parse_toml("a = 1\n\n[b]\na =").error().message, HasSubstr("line 4: "));
}

TEST(Toml, KeysAreNoDeeperThanTheirLimit) {
  const std::string deep = "a" + repeated(".a", 100000);
  for (const std::string& text :
       {deep + " = 1", "[" + deep + "]", "b = [1, {" + deep + " = 1}]",
        "\"=\".'#'." + deep + " = 1", "b = \"\"\"\"\"\"\n" + deep + " = 1",
        repeated("\"=\".", 33) + "a = 1"}) {
    const auto document = parse_toml(text);
    ASSERT_FALSE(document) << text.substr(0, 80);
    EXPECT_THAT(document.error().message, HasSubstr("more than 32 parts"));
  }
  EXPECT_TRUE(parse_toml("a" + repeated(".a", 31) + " = 1"));
  const std::string dots = repeated(".", 1000);
  EXPECT_TRUE(
      parse_toml("a = \"" + dots + "\" # " + dots + "\nb = '''" + dots + "\n''" + dots + "'''"));
  EXPECT_TRUE(parse_toml("a = [" + repeated("\"10.0.0.1\", 1.5,", 1000) + "]"));
}

TEST(Toml, HostileFilesAreErrorsForThoseWhoRead) {
  const std::string deep = "[engine" + repeated(".a", 100000) + "]\n";
  for (const std::string& text :
       std::vector<std::string>{deep, "a = " + repeated("[", 100000), "\xff"}) {
    EXPECT_FALSE(runtimes_in("version = 2\n" + text));
    EXPECT_FALSE(with_settings("version = 2\n" + text, {.runtime = "runc", .spec = "/s"}));
    EXPECT_TRUE(imports_of(text).empty());
    EXPECT_EQ(parse_hooks_dir(text), HooksDirSetting{}) << "podman does not start with it";
  }
}

}  // namespace
}  // namespace socklid::command
