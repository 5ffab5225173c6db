// SPDX-License-Identifier: Apache-2.0
//
// Fails if two containers can get one name, if a reader can see half a state, if a failed publish
// changes what was there, if removal is not idempotent (I7), or if two runs hold the lock at once.
// bpffs is a plain directory here: renames and names behave alike, pins are files.
#include "hook/policy_store.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>
#include <string>

#include "hook/node_lock.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace socklid {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Record example(const std::string& id = "web", std::uint64_t cgroup = 0x1234) {
  return {.id = id,
          .cgroup_id = cgroup,
          .cgroup_path = "/machine.slice/libpod-web.scope",
          .netns = 4026532145,
          .placement = {NetnsKind::shared, 7},
          .object_hash = "0123456789abcdef",
          .hooks = {"socket_create", "socket_bind"},
          .mark = annotations::Mark{.value = 3, .mask = 0xffffffff},
          .rules = true,
          .annotations = {{"io.socklid.bind", "tcp/80"}, {"io.socklid.egress", ""}},
          .notes = {"one", "two"},
          .created = 1795314557,
          .pid = 42};
}

TEST(Record, ReadsBackAsWritten) {
  EXPECT_EQ(parse_record(to_json(example())).value(), example());
  Record plain = example();
  plain.mark = std::nullopt;
  plain.rules = false;
  plain.hooks.clear();
  plain.notes.clear();
  EXPECT_EQ(parse_record(to_json(plain)).value(), plain);
}

TEST(Record, HasTheContainersNameApartFromWhatAuthorsWrote) {
  Record named = example();
  named.container = "web";
  EXPECT_EQ(parse_record(to_json(named)).value(), named);
  // Version 0.1.0 has no such member, and the engines' annotations among ours.
  Record old = example();
  old.annotations["io.kubernetes.cri.container-name"] = "side";
  EXPECT_EQ(parse_record(to_json(old)).value().container, "side");
  old.annotations["io.kubernetes.container.name"] = "web";
  EXPECT_EQ(parse_record(to_json(old)).value(), named) << "the one it asked first";
}

TEST(Record, NamesWhatIsMissing) {
  EXPECT_THAT(parse_record("{").error().message, HasSubstr("byte"));
  EXPECT_THAT(parse_record("{}").error().message, HasSubstr("rules"));
  EXPECT_THAT(parse_record(R"({"rules":true,"id":7})").error().message, HasSubstr("id"));
  EXPECT_EQ(parse_record("[]").error().exit, Exit::store);
}

TEST(Key, HoldsNothingThatBpffsRefuses) {
  EXPECT_EQ(key_of("web", 0x1f), "web_1f");
  EXPECT_EQ(key_of("a.b_c", 1), "a_2eb_5fc_1");
  for (const std::string& id : {std::string("a.b"), std::string(200, '.'), std::string("\xc3\xa9"),
                                std::string(200, 'a')}) {
    const std::string key = key_of(id, ~std::uint64_t{0});
    EXPECT_EQ(key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-_"),
              std::string::npos);
    EXPECT_LE(key.size() + std::string("staging_").size(), 255U);
    const auto parts = parse_key(key);
    ASSERT_TRUE(parts) << key;
    EXPECT_EQ(*parts, (StoreKey{encode_id(id), ~std::uint64_t{0}}));
  }
}

TEST(Key, DiffersForDifferentContainers) {
  std::set<std::string> keys;
  const std::string tail(199, '.');
  for (const std::string& id : {std::string("a"), std::string("a."), std::string("a_2e"),
                                std::string("A"), "a" + tail, "b" + tail, tail + "a", tail + "b"}) {
    for (const std::uint64_t cgroup : {1U, 2U, 0x2eU}) keys.insert(key_of(id, cgroup));
  }
  EXPECT_THAT(keys, SizeIs(8 * 3));
}

TEST(Key, OtherNamesAreNone) {
  for (const char* name :
       {"", "_", "a", "a_", "_1", "a_x", "a_1.json", "a.b_1", "a_-1", "a_11112222333344445"}) {
    EXPECT_FALSE(parse_key(name)) << name;
  }
}

class Store : public testing::Test {
 protected:
  void SetUp() override {
    store_ = std::make_unique<PolicyStore>(std::move(PolicyStore::open(paths_).value()));
  }
  /// What a pinned link is here: a file with a name of its own.
  static void pin(const std::string& directory, const std::string& link) {
    const UniqueFd file(::open((directory + "/" + link).c_str(), O_CREAT | O_WRONLY, 0600));
    ASSERT_TRUE(file) << directory;
  }
  void stage(const Record& record, const std::string& link) {
    const auto directory = store_->stage(key_of(record.id, record.cgroup_id));
    ASSERT_TRUE(directory) << directory.error().message;
    pin(*directory, link);
  }
  void publish(const Record& record, const std::string& link) {
    stage(record, link);
    const auto published = store_->publish(record);
    ASSERT_TRUE(published) << published.error().message;
  }
  [[nodiscard]] bool exists(const std::string& below_bpffs) const {
    return ::access((paths_.bpffs + "/" + below_bpffs).c_str(), F_OK) == 0;
  }
  [[nodiscard]] std::vector<StoreEntry> list() const { return PolicyStore::list(paths_).value(); }

  TemporaryDirectory directory_;
  Paths paths_{.run = directory_.path() + "/run/socklid",
               .bpffs_mount = directory_.path(),
               .bpffs = directory_.path() + "/bpf/socklid",
               .cgroup_mount = {}};
  std::unique_ptr<PolicyStore> store_;
};

TEST(EmptyStore, ListsNothingAndMakesNothing) {
  const TemporaryDirectory directory;
  const Paths paths{.run = directory.path() + "/run",
                    .bpffs_mount = {},
                    .bpffs = directory.path() + "/bpf",
                    .cgroup_mount = {}};
  EXPECT_THAT(PolicyStore::list(paths).value(), IsEmpty());
  EXPECT_NE(::access(paths.run.c_str(), F_OK), 0);
}

TEST_F(Store, IsForRootAlone) {
  publish(example(), "a");
  struct stat status {};
  for (const std::string& path :
       {paths_.run, paths_.run + "/containers", paths_.bpffs + "/containers"}) {
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U) << path;
  }
  ASSERT_EQ(::stat((paths_.run + "/containers/web_1234.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(Store, RefusesADirectoryThatOthersMayWrite) {
  ASSERT_EQ(::chmod((paths_.run + "/containers").c_str(), 0777), 0);
  const auto again = PolicyStore::open(paths_);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("not ours alone"));
}

TEST_F(Store, PublishesPinsAndRecordTogether) {
  publish(example(), "link");
  ASSERT_THAT(list(), SizeIs(1));
  EXPECT_EQ(list()[0].record, example());
  EXPECT_TRUE(list()[0].pinned);
  EXPECT_TRUE(exists("containers/web_1234/link"));
  EXPECT_FALSE(exists("staging_web_1234"));
}

TEST_F(Store, ReplacesInOneStep) {
  publish(example(), "old");
  Record newer = example();
  newer.pid = 43;
  publish(newer, "new");
  EXPECT_TRUE(exists("containers/web_1234/new"));
  EXPECT_TRUE(exists("staging_web_1234/old")) << "the old links go only when told to";
  EXPECT_EQ(list()[0].record, newer);
  EXPECT_TRUE(store_->unstage("web_1234"));
  EXPECT_FALSE(exists("staging_web_1234"));
}

TEST_F(Store, WithdrawsToNothing) {
  publish(example(), "link");
  EXPECT_TRUE(store_->withdraw("web_1234", std::nullopt));
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_FALSE(exists("containers/web_1234"));
}

TEST_F(Store, WithdrawsToWhatWasThere) {
  publish(example(), "old");
  Record newer = example();
  newer.pid = 43;
  publish(newer, "new");
  EXPECT_TRUE(store_->withdraw("web_1234", example()));
  EXPECT_TRUE(exists("containers/web_1234/old"));
  EXPECT_EQ(list()[0].record, example());
  EXPECT_TRUE(store_->unstage("web_1234"));
  EXPECT_TRUE(exists("containers/web_1234/old"));
}

TEST_F(Store, AFailedPublishChangesNothing) {
  EXPECT_FALSE(store_->publish(example()));  // nothing was staged
  EXPECT_THAT(list(), IsEmpty());
  publish(example(), "old");
  Record newer = example();
  newer.pid = 43;
  EXPECT_FALSE(store_->publish(newer));
  EXPECT_EQ(list()[0].record, example());
  EXPECT_TRUE(exists("containers/web_1234/old"));
}

TEST_F(Store, KeepsARestartedContainerApart) {
  publish(example("web", 1), "link");
  publish(example("web", 2), "link");
  ASSERT_THAT(list(), SizeIs(2));
  EXPECT_TRUE(store_->unpin("web_1"));
  EXPECT_TRUE(store_->erase("web_1"));
  ASSERT_THAT(list(), SizeIs(1));
  EXPECT_EQ(list()[0].parts.cgroup_id, 2U);
  EXPECT_TRUE(exists("containers/web_2/link"));
}

TEST_F(Store, RemovesWhatIsNotThere) {
  EXPECT_TRUE(store_->unpin("web_1"));
  EXPECT_TRUE(store_->erase("web_1"));
  EXPECT_TRUE(store_->unstage("web_1"));
  EXPECT_TRUE(store_->withdraw("web_1", std::nullopt));
}

TEST_F(Store, ShowsHalfStates) {
  publish(example("pins", 1), "link");
  publish(example("record", 2), "link");
  publish(example("broken", 3), "link");
  EXPECT_TRUE(store_->erase("pins_1"));
  EXPECT_TRUE(store_->unpin("record_2"));
  ASSERT_EQ(::truncate((paths_.run + "/containers/broken_3.json").c_str(), 9), 0);
  const auto entries = list();
  ASSERT_THAT(entries, SizeIs(3));
  EXPECT_TRUE(entries[0].key == "broken_3" && entries[0].recorded && !entries[0].record);
  EXPECT_TRUE(entries[1].key == "pins_1" && !entries[1].recorded && entries[1].pinned);
  EXPECT_TRUE(entries[2].key == "record_2" && entries[2].record && !entries[2].pinned);
}

TEST_F(Store, DoesNotTakeARecordUnderAnotherName) {
  publish(example("web", 1), "link");
  ASSERT_EQ(::rename((paths_.run + "/containers/web_1.json").c_str(),
                     (paths_.run + "/containers/web_2.json").c_str()),
            0);
  for (const StoreEntry& entry : list()) EXPECT_FALSE(entry.record) << entry.key;
}

TEST_F(Store, SweepsWhatKilledRunsLeft) {
  publish(example(), "link");
  stage(example("killed", 7), "link");
  pin(paths_.run + "/containers", "web_1234.json.new.99");
  EXPECT_TRUE(store_->sweep());
  EXPECT_FALSE(exists("staging_killed_7"));
  EXPECT_NE(::access((paths_.run + "/containers/web_1234.json.new.99").c_str(), F_OK), 0);
  EXPECT_EQ(list()[0].record, example());
}

TEST_F(Store, StagesAfreshAfterAKilledRun) {
  stage(example(), "stale");
  stage(example(), "fresh");
  EXPECT_FALSE(exists("staging_web_1234/stale"));
  EXPECT_TRUE(exists("staging_web_1234/fresh"));
}

TEST_F(Store, SaysHowToMountBpffs) {
  const auto checked = check_bpffs(paths_);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().exit, Exit::node);
  EXPECT_THAT(checked.error().message, HasSubstr("mount -t bpf bpf"));
}

TEST_F(Store, LockIsHeldByOneRun) {
  {
    const auto first = NodeLock::acquire(paths_, Deadline::after_seconds(5));
    ASSERT_TRUE(first) << first.error().message;
    const auto second = NodeLock::acquire(paths_, Deadline::after_milliseconds(60));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().exit, Exit::busy);
    EXPECT_FALSE(NodeLock::acquire(paths_, Deadline::after_milliseconds(0)));
  }
  EXPECT_TRUE(NodeLock::acquire(paths_, Deadline::after_milliseconds(0)));
}

TEST(Deadline, Passes) {
  EXPECT_TRUE(Deadline::after_seconds(5).check());
  EXPECT_FALSE(Deadline::after_milliseconds(0).check());
  EXPECT_EQ(Deadline::after_milliseconds(-5).milliseconds_left(), 0);
}

}  // namespace
}  // namespace socklid
