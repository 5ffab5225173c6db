// SPDX-License-Identifier: Apache-2.0
//
// Where explain finds annotations, and what it makes of a Pod. The texts are in tests/golden.
#include "command/explain/explain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command/explain/annotation_file.hpp"
#include "tests/support/container_tree.hpp"

namespace socklid::command {
namespace {

using annotations::Annotations;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

AnnotationFile read(std::string_view text) {
  const auto file = parse_annotation_file(text);
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
  return file.value_or(AnnotationFile{});
}

std::string error_of(std::string_view text) {
  const auto file = parse_annotation_file(text);
  if (file) return {};
  EXPECT_EQ(file.error().exit, Exit::usage);
  return file.error().message;
}

const Annotations one = {{"io.socklid.connect", "deny"}};

TEST(AnnotationFile, FindsAnnotationsInEachKindOfDocument) {
  EXPECT_EQ(read(R"({"io.socklid.connect": "deny"})").annotations, one);
  EXPECT_EQ(read(R"({"ociVersion": "1.0.2", "id": "x",
                     "annotations": {"io.socklid.connect": "deny"}})")
                .annotations,
            one);
  EXPECT_EQ(read(R"({"kind": "Pod", "metadata": {"annotations": {"io.socklid.connect": "deny"}}})")
                .annotations,
            one);
  EXPECT_THAT(read(R"({"ociVersion": "1.0.2"})").annotations, IsEmpty());
  EXPECT_THAT(read(R"({"metadata": {"name": "web"}})").annotations, IsEmpty());
}

TEST(AnnotationFile, SaysWhatItExpected) {
  EXPECT_THAT(error_of("{"), HasSubstr("not JSON"));
  EXPECT_THAT(error_of("[]"), HasSubstr("expected a JSON object, found an array"));
  EXPECT_THAT(error_of(R"({"a": 1})"), HasSubstr("a: expected a string, found a number"));
  EXPECT_THAT(error_of(R"({"annotations": []})"), HasSubstr("expected an object of strings"));
  EXPECT_THAT(error_of(R"({"kind": "Deployment", "metadata": {}, "spec": {"template": {}}})"),
              HasSubstr("expected a Pod"));
}

constexpr std::string_view pod = R"({"kind": "Pod",
  "metadata": {"annotations": {"io.socklid.connect/web": "deny", "io.socklid.bind/wbe": "deny"}},
  "spec": {"containers": [{"name": "web"}, {"name": "db"}],
           "initContainers": [{"name": "first"}]}})";

TEST(AnnotationFile, KnowsTheContainersOfAPod) {
  const AnnotationFile file = read(pod);
  EXPECT_THAT(file.containers, ElementsAre("first", "web", "db"));
  EXPECT_THAT(unmatched_keys(file), ElementsAre("io.socklid.bind/wbe"));
  EXPECT_THAT(unmatched_keys({{{"io.socklid.bind/x", "deny"}}, {}}), IsEmpty());
}

TEST(AnnotationFile, NamesLabelsThatShouldBeAnnotations) {
  const AnnotationFile file = read(R"({"kind": "Pod", "metadata": {"labels": {"app": "web",
      "socklid.io/egress": "", "io.socklid.bind": "tcp/80"}}})");
  EXPECT_THAT(file.labels, ElementsAre("io.socklid.bind", "socklid.io/egress"));
  EXPECT_THAT(file.annotations, IsEmpty());
  EXPECT_THAT(read(R"({"metadata": {"labels": []}})").labels, IsEmpty());
}

TEST(Explain, EachContainerOfAPodHasItsOwnPolicy) {
  const Annotations given = read(pod).annotations;
  const auto web = explain_annotations(given, "web");
  const auto db = explain_annotations(given, "db");
  ASSERT_TRUE(web && db);
  EXPECT_EQ(web->policy.connect, annotations::Endpoints{});
  EXPECT_EQ(db->policy, annotations::Policy{});
  EXPECT_TRUE(db->any);
  EXPECT_EQ(explain_text(*db), "policy: none, nothing is done\n");
}

TEST(Explain, FailsAsTheHookDoes) {
  const auto explained = explain_annotations({{"io.socklid.bind", "tcp/x"}}, "");
  ASSERT_FALSE(explained);
  EXPECT_EQ(explained.error().exit, Exit::annotation);
}

TEST(Explain, JsonSaysTheSame) {
  const auto explained = explain_annotations(one, "");
  ASSERT_TRUE(explained);
  const json::Value value = explain_json(*explained);
  EXPECT_EQ(value.find("policy")->find_string("io.socklid.connect"), "deny");
  EXPECT_TRUE(value.find("nft")->is_null());
  EXPECT_EQ(value.find("hooks")->array().front().find_string("hook"), "socket_create");
}

TEST(Explain, LooksPathsUpInARoot) {
  TreeOnDisk files;
  files.file("usr/sbin/sendmail");
  Plan plan;
  plan.subjects.resize(1);
  plan.subjects[0].name = "mail";
  plan.subjects[0].exec = {"/usr/sbin/sendmail"};
  const auto found = look_up_in(files.path(), plan);
  ASSERT_TRUE(found) << found.error().message;
  const std::string inode = std::to_string(files.inode("usr/sbin/sendmail"));
  EXPECT_EQ(files_text(*found, plan), "files:\n  mail  /usr/sbin/sendmail  file " + inode +
                                          "\n  1 protected by themselves or with all below, 4 by "
                                          "their names\n");
  EXPECT_EQ(files_json(*found, plan).find("programs")->array().front().find_string("inode"), inode);
  plan.subjects[0].exec = {"/usr/sbin/none"};
  EXPECT_EQ(look_up_in(files.path(), plan).error().exit, Exit::unsupported) << "as the hook";
  EXPECT_EQ(look_up_in(files.path() + "/none", plan).error().exit, Exit::usage);
}

TEST(Explain, EveryKeyIsListed) {
  const std::string text = keys_text();
  for (const auto& key : annotations::keys()) EXPECT_THAT(text, HasSubstr(std::string(key.name)));
}

}  // namespace
}  // namespace socklid::command
