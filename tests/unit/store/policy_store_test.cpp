// SPDX-License-Identifier: Apache-2.0
//
// Fails if a reader can see half a state, if a failed publish
// changes what was there, if removal is not idempotent (I7), or if two runs hold the lock at once.
// bpffs is a plain directory here: renames and names behave alike, pins are files.
#include "store/policy_store.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <set>
#include <string>
#include <thread>

#include "system/files.hpp"
#include "system/lock.hpp"
#include "tests/support/record_examples.hpp"
#include "tests/support/temporary_directory.hpp"

namespace socklid {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

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
  void stage(const Saved& saved, const std::string& link) {
    const auto directory = store_->stage(key_of(saved.record.id, saved.record.cgroup_id));
    ASSERT_TRUE(directory) << directory.error().message;
    pin(*directory, link);
  }
  void publish(const Saved& saved, const std::string& link) {
    stage(saved, link);
    const auto published = store_->publish(saved);
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
  EXPECT_EQ(list()[0].record, example().record);
  EXPECT_TRUE(list()[0].pinned);
  EXPECT_TRUE(exists("containers/web_1234/link"));
  EXPECT_FALSE(exists("staging_web_1234"));
}

TEST_F(Store, ReplacesInOneStep) {
  publish(example(), "old");
  Saved newer = example();
  newer.record.pid = 43;
  publish(newer, "new");
  EXPECT_TRUE(exists("containers/web_1234/new"));
  EXPECT_TRUE(exists("staging_web_1234/old")) << "the old links go only when told to";
  EXPECT_EQ(list()[0].record, newer.record);
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
  Saved newer = example();
  newer.record.pid = 43;
  publish(newer, "new");
  EXPECT_TRUE(store_->withdraw("web_1234", example()));
  EXPECT_TRUE(exists("containers/web_1234/old"));
  EXPECT_EQ(list()[0].record, example().record);
  EXPECT_TRUE(store_->unstage("web_1234"));
  EXPECT_TRUE(exists("containers/web_1234/old"));
}

TEST_F(Store, AFailedPublishChangesNothing) {
  EXPECT_FALSE(store_->publish(example()));  // nothing was staged
  EXPECT_THAT(list(), IsEmpty());
  publish(example(), "old");
  Saved newer = example();
  newer.record.pid = 43;
  EXPECT_FALSE(store_->publish(newer));
  EXPECT_EQ(list()[0].record, example().record);
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
  pin(paths_.run + "/new", "web_1234.json.new.99");
  EXPECT_TRUE(store_->sweep());
  EXPECT_FALSE(exists("staging_killed_7"));
  EXPECT_NE(::access((paths_.run + "/new/web_1234.json.new.99").c_str(), F_OK), 0);
  EXPECT_EQ(list()[0].record, example().record);
}

TEST_F(Store, StagesAfreshAfterAKilledRun) {
  stage(example(), "stale");
  stage(example(), "fresh");
  EXPECT_FALSE(exists("staging_web_1234/stale"));
  EXPECT_TRUE(exists("staging_web_1234/fresh"));
}

std::vector<std::string> keys_of(const Result<std::vector<StoreEntry>>& entries) {
  std::vector<std::string> keys;
  for (const StoreEntry& entry : entries.value()) keys.push_back(entry.key);
  return keys;
}

TEST_F(Store, FindsByIdCgroupAndNamespace) {
  publish(example("web", 1), "link");
  publish(example("web", 2), "link");
  Saved other = example("db", 3);
  other.record.netns = 7;
  publish(other, "link");
  Saved bare = example("bare", 4);
  bare.record.rules = false;
  publish(bare, "link");
  const auto find = [&](IndexBy by, const std::string& value) {
    return keys_of(PolicyStore::find(paths_, by, value));
  };
  EXPECT_THAT(find(IndexBy::id, "web"), ElementsAre("web_1", "web_2"));
  EXPECT_THAT(find(IndexBy::cgroup, "3"), ElementsAre("db_3"));
  EXPECT_THAT(find(IndexBy::netns, "4026532145"), ElementsAre("web_1", "web_2"));
  EXPECT_THAT(find(IndexBy::netns, "7"), ElementsAre("db_3"));
  EXPECT_THAT(find(IndexBy::id, "nobody"), IsEmpty());
  EXPECT_TRUE(store_->unpin("web_1"));
  EXPECT_TRUE(store_->erase("web_1"));
  EXPECT_THAT(find(IndexBy::id, "web"), ElementsAre("web_2"));
  EXPECT_THAT(find(IndexBy::netns, "4026532145"), ElementsAre("web_2"));
}

TEST_F(Store, LeavesNothingInItsDirectories) {
  publish(example(), "link");
  EXPECT_TRUE(store_->unpin("web_1234"));
  EXPECT_TRUE(store_->erase("web_1234"));
  for (const char* below :
       {"containers", "details", "new", "index/id", "index/cgroup", "index/netns"}) {
    const UniqueFd directory(::open((paths_.run + "/" + below).c_str(), O_RDONLY | O_DIRECTORY));
    EXPECT_THAT(list_directory(directory.get()).value(), IsEmpty()) << below;
  }
}

TEST_F(Store, TakesOverWhatTheFirstVersionLeft) {
  ASSERT_EQ(::rename((paths_.run + "/index").c_str(), (paths_.run + "/gone").c_str()), 0);
  const std::string path = paths_.run + "/containers/web_1234.json";
  {
    const UniqueFd file(::open(path.c_str(), O_CREAT | O_WRONLY, 0600));
    ASSERT_EQ(::write(file.get(), of_0_1_0.data(), of_0_1_0.size()),
              static_cast<ssize_t>(of_0_1_0.size()));
  }
  EXPECT_THAT(keys_of(PolicyStore::find(paths_, IndexBy::id, "web")), ElementsAre("web_1234"))
      << "also before the first run that changes something";
  ASSERT_TRUE(PolicyStore::open(paths_));
  EXPECT_THAT(keys_of(PolicyStore::find(paths_, IndexBy::netns, "4026532145")),
              ElementsAre("web_1234"));
  EXPECT_EQ(PolicyStore::details(paths_, "web_1234").value(), example().details);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_LE(static_cast<std::size_t>(status.st_size), record_limit);
}

TEST_F(Store, GoesRoundAllRecords) {
  std::set<std::string> all;
  for (std::uint64_t cgroup = 1; cgroup <= 50; ++cgroup) {
    publish(example("web", cgroup), "link");
    all.insert(key_of("web", cgroup));
  }
  std::set<std::string> seen;
  for (int run = 0; run < 2 * 50 / 16; ++run) {
    const auto stretch = PolicyStore::next(paths_, 16).value();
    EXPECT_LE(stretch.keys.size(), 16U);
    seen.insert(stretch.keys.begin(), stretch.keys.end());
    EXPECT_TRUE(store_->move_on(stretch));
  }
  EXPECT_EQ(seen, all);
}

TEST_F(Store, KeepsTheView) {
  EXPECT_EQ(PolicyStore::view(paths_).value(), std::nullopt);
  const View view{31, 4026531835, 4026531836};
  ASSERT_TRUE(store_->take_view(view));
  EXPECT_EQ(PolicyStore::view(paths_).value(), view);
}

TEST_F(Store, TellsBegunRunsThatLiveFromKilledOnes) {
  EXPECT_THAT(store_->intents().value(), IsEmpty());
  {
    const auto lives = store_->begin(example("lives", 1).record);
    ASSERT_TRUE(lives) << lives.error().message;
    ASSERT_TRUE(store_->begin(example("killed", 2).record));  // its file is closed
    EXPECT_THAT(store_->intents().value(), ElementsAre(Intent{example("killed", 2).record, false},
                                                       Intent{example("lives", 1).record, true}));
  }
  EXPECT_TRUE(store_->end("lives_1"));
  EXPECT_TRUE(store_->end("killed_2"));
  EXPECT_TRUE(store_->end("killed_2"));
  EXPECT_THAT(store_->intents().value(), IsEmpty());
}

TEST_F(Store, KeepsWhatAKilledRunMayHaveLeft) {
  ASSERT_TRUE(store_->keep_unpinned(example("killed", 2).record));
  EXPECT_THAT(keys_of(PolicyStore::find(paths_, IndexBy::netns, "4026532145")),
              ElementsAre("killed_2"));
  EXPECT_EQ(list()[0].record, example("killed", 2).record);
  EXPECT_FALSE(list()[0].pinned);
}

TEST_F(Store, KeepsSlowNamespacesUntilTheyAreForgotten) {
  EXPECT_FALSE(store_->is_slow(7));
  for (const std::uint64_t netns : {7U, 8U}) ASSERT_TRUE(store_->set_slow(netns, true));
  ASSERT_TRUE(store_->set_slow(8, false));
  EXPECT_TRUE(store_->is_slow(7));
  EXPECT_FALSE(store_->is_slow(8));
  ASSERT_TRUE(store_->forget_slow());
  EXPECT_FALSE(store_->is_slow(7));
}

TEST(ViewOfNode, SaysHowToMountBpffsOnlyWhereNothingIsPinned) {
  const TemporaryDirectory directory;
  const Paths paths{.run = directory.path() + "/run",
                    .bpffs_mount = directory.path(),
                    .bpffs = directory.path() + "/bpf",
                    .cgroup_mount = {}};
  const auto fresh = view_of_node(paths);
  ASSERT_FALSE(fresh);
  EXPECT_EQ(fresh.error().exit, Exit::node);
  EXPECT_THAT(fresh.error().message, HasSubstr("mount -t bpf bpf"));
  ASSERT_TRUE(PolicyStore::open(paths)->take_view(View{31, 1, 2}));
  EXPECT_THAT(view_of_node(paths).error().message, Not(HasSubstr("mount -t bpf")));
  EXPECT_THAT(view_of_node(paths).error().message, HasSubstr("mount namespace"));
}

TEST(View, NamesWhatDiffers) {
  const View view{31, 4026531835, 4026531836};
  EXPECT_TRUE(check_same(view, view));
  View other = view;
  other.bpffs = 45;
  EXPECT_THAT(check_same(view, other).error().message, HasSubstr("bpffs"));
  EXPECT_THAT(check_same(view, other).error().message, HasSubstr("45"));
  other = view;
  other.cgroup_namespace = 1;
  EXPECT_THAT(check_same(view, other).error().message, HasSubstr("cgroup namespace"));
  other = view;
  other.pid_namespace = 1;
  EXPECT_THAT(check_same(view, other).error().message, HasSubstr("PID namespace"));
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

TEST_F(Store, ALockThatWasRemovedWhileItWasHeldIsTakenAnew) {
  auto first = std::make_optional(NodeLock::acquire(paths_, Deadline::after_seconds(5)).value());
  std::thread waiting([&] {
    const auto second = NodeLock::acquire(paths_, Deadline::after_seconds(30));
    ASSERT_TRUE(second) << second.error().message;
    const UniqueFd named(::open((paths_.run + "/lock").c_str(), O_RDWR));
    ASSERT_TRUE(named);
    EXPECT_NE(::flock(named.get(), LOCK_EX | LOCK_NB), 0) << "it holds the lock that others find";
  });
  // At once, so that the one who waits cannot make a new lock in the old directory.
  EXPECT_EQ(::rename(paths_.run.c_str(), (paths_.run + ".removed").c_str()), 0);
  first.reset();
  waiting.join();
}

TEST(Deadline, Passes) {
  EXPECT_TRUE(Deadline::after_seconds(5).check());
  EXPECT_FALSE(Deadline::after_milliseconds(0).check());
  EXPECT_EQ(Deadline::after_milliseconds(-5).milliseconds_left(), 0);
}

}  // namespace
}  // namespace socklid
