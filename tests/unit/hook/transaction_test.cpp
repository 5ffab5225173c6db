// SPDX-License-Identifier: Apache-2.0
//
// Fails if a step that succeeded is not undone, undone twice or in the wrong order, or if a failed
// undo hides the others.
#include "base/transaction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace socklid {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Journal {
  std::vector<std::string> lines;
  std::vector<std::string> reported;
  Transaction::Action does(const std::string& what) {
    return [this, what]() -> Result<> {
      lines.push_back(what);
      return {};
    };
  }
  Transaction::Report report() {
    return [this](const Error& error) { reported.push_back(error.message); };
  }
};

Result<> broken() {
  return fail(Exit::nft, "broken");
}

TEST(Transaction, UndoesNewestFirst) {
  Journal journal;
  {
    Transaction transaction(journal.report());
    EXPECT_TRUE(transaction.step("a", journal.does("a"), journal.does("-a")));
    EXPECT_TRUE(transaction.step("b", journal.does("b"), journal.does("-b")));
    EXPECT_FALSE(transaction.step("c", broken, journal.does("-c")));
  }
  EXPECT_THAT(journal.lines, ElementsAre("a", "b", "-b", "-a"));
}

TEST(Transaction, KeepsWhatIsCommitted) {
  Journal journal;
  {
    Transaction transaction(journal.report());
    EXPECT_TRUE(transaction.step("a", journal.does("a"), journal.does("-a")));
    transaction.commit();
  }
  EXPECT_THAT(journal.lines, ElementsAre("a"));
}

TEST(Transaction, NamesTheStepThatFailed) {
  Journal journal;
  Transaction transaction(journal.report());
  const auto done = transaction.step("install rules", broken, journal.does("-"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), (Error{Exit::nft, "install rules: broken"}));
}

TEST(Transaction, ReportsAFailedUndoAndGoesOn) {
  Journal journal;
  {
    Transaction transaction(journal.report());
    EXPECT_TRUE(transaction.step("a", journal.does("a"), journal.does("-a")));
    EXPECT_TRUE(transaction.step("b", journal.does("b"), broken));
    EXPECT_THAT(journal.reported, IsEmpty());
  }
  EXPECT_THAT(journal.lines, ElementsAre("a", "b", "-a"));
  EXPECT_THAT(journal.reported, ElementsAre("undo b: broken"));
}

}  // namespace
}  // namespace socklid
