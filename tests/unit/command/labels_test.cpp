// SPDX-License-Identifier: Apache-2.0
//
// Labels that should be annotations: fails if one of a container that runs is not found, if one of
// a container that has ended is, or if other people's labels are taken for ours.
#include "command/doctor/labels.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command/doctor/check.hpp"
#include "tests/support/temporary_directory.hpp"

namespace socklid::command {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Labels : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) { directory_.write(path, text); }
  [[nodiscard]] const std::string& root() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
};

TEST_F(Labels, OfAPodOfCrioAreInItsSandbox) {
  const std::string directory = "/run/containers/storage/overlay-containers/";
  const std::string config = R"({"annotations": {"io.kubernetes.cri-o.Labels":
      "{\"app\": \"x\", \"io.socklid.egress\": \"\"}"}})";
  write(directory + "abc/userdata/config.json", config);
  write(directory + "abc/userdata/pidfile", "7");
  write(directory + "dead/userdata/config.json", config);
  write(directory + "dead/userdata/pidfile", "8");
  write(directory + "elsewhere/userdata/config.json", config);
  write(directory + "elsewhere/userdata/conmon.pid", "7");
  write("/proc/7/stat", "");
  const LabelSurvey survey = mislaid_labels(root());
  EXPECT_THAT(
      survey.found,
      UnorderedElementsAre(
          MislaidLabels{directory + "abc/userdata", "abc", {"io.socklid.egress"}},
          MislaidLabels{directory + "elsewhere/userdata", "elsewhere", {"io.socklid.egress"}}));
  EXPECT_THAT(survey.unread, IsEmpty());
}

TEST_F(Labels, OfDockerAreInItsOwnFile) {
  const std::string directory = "/var/lib/docker/containers/";
  const std::string labels = R"(, "Config": {"Labels": {"io_socklid_bind": "x", "b": "c"}}})";
  write(directory + "abc/config.v2.json", R"({"State": {"Running": true, "Pid": 7})" + labels);
  write(directory + "old/config.v2.json", R"({"State": {"Running": false, "Pid": 0})" + labels);
  const LabelSurvey survey = mislaid_labels(root());
  EXPECT_THAT(survey.found, ElementsAre(MislaidLabels{
                                directory + "abc/config.v2.json", "abc", {"io_socklid_bind"}}));
  write(directory + "bad/config.v2.json", "{");
  EXPECT_THAT(mislaid_labels(root()).unread, ElementsAre(HasSubstr("bad/config.v2.json")));
}

TEST(LabelsOfPodman, AreWhatPsSays) {
  const auto found = labels_in_podman_ps(R"([
      {"Id": "aa", "Labels": {"io.socklid/connect": "deny", "io.socklid.bind": "tcp/80"}},
      {"Id": "bb", "Labels": null}, {"Id": "cc"}, {"Id": "dd", "Labels": {"app": "x"}}])");
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, ElementsAre(MislaidLabels{
                          "podman ps", "aa", {"io.socklid.bind", "io.socklid/connect"}}));
  EXPECT_FALSE(labels_in_podman_ps(""));
  EXPECT_FALSE(labels_in_podman_ps("null"));
  EXPECT_FALSE(labels_in_podman_ps("{}"));
  EXPECT_THAT(labels_in_podman_ps("[]").value(), IsEmpty());
}

TEST(LabelsOfPodman, OfOneImageHideNoOthers) {
  for (const std::string& hostile :
       {std::string(R"("x": "\u0000")"), std::string(R"("\u0000": "x")"),
        std::string("\"x\": \"\xff\""), std::string(R"("x": "\udc00")"),
        std::string(R"("x": "1", "x": "2")"),
        R"("x": )" + std::string(100, '[') + std::string(100, ']')}) {
    const auto found = labels_in_podman_ps(
        R"([{"Id": "aa", "Labels": {)" + hostile + R"(}, "Names": ["Id"], "Command": [{"Labels": {
            "io.socklid.bind": "x"}}]}, {"Labels": {"io.socklid.bind": "x"}, "Id": "bb", )" +
        hostile + R"(}, {"Names": [], "Labels": {"io.socklid.connect": 7}}])");
    ASSERT_TRUE(found) << hostile << found.error().message;
    EXPECT_THAT(*found, ElementsAre(MislaidLabels{"podman ps", "bb", {"io.socklid.bind"}},
                                    MislaidLabels{"podman ps", "", {"io.socklid.connect"}}))
        << hostile;
  }
}

TEST(LabelCheck, IsARiskWhereSomebodyBelievesInAPolicy) {
  EXPECT_EQ(judge_labels({}).level, Level::ok);
  const Check check =
      judge_labels({{{"podman ps", std::string(64, 'a'), {"io.socklid.bind"}}}, {}});
  EXPECT_EQ(check.level, Level::risk);
  EXPECT_THAT(check.detail, HasSubstr("aaaaaaaaaaaa (podman ps): \"io.socklid.bind\""));
  EXPECT_EQ(judge_labels({{}, {"x: cut off"}}).level, Level::risk);
}

TEST(LabelCheck, QuotesAnImagesWordsAndNamesFourOfThem) {
  const MislaidLabels many{"podman ps",
                           "web",
                           {"io.socklid.a", "io.socklid.b; run x", "io.socklid.c", "io.socklid.d",
                            "io.socklid.e", "io.socklid.f"}};
  EXPECT_EQ(to_string(many),
            "web (podman ps): \"io.socklid.a\", \"io.socklid.b; run x\", \"io.socklid.c\", "
            "\"io.socklid.d\" and 2 more");
}

}  // namespace
}  // namespace socklid::command
