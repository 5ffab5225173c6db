// SPDX-License-Identifier: Apache-2.0
//
// NftBatch: the netlink messages that change one table of family inet, all of them or none of them
// (net/netfilter/nfnetlink.c: nfnetlink_rcv_batch).
//
//   NftBatch batch(ruleset.table);
//   batch.add_table(ruleset.comment);
//   batch.add(chain);
//   batch.add(set);
//   batch.add(chain.name, rule);  // what a rule names comes first
//   const std::string_view messages = batch.finish();
//   const NetlinkAnswer answer = SL_TRY(socket.exchange(messages, batch.last_sequence()));
//   SL_CHECK(batch.check(answer));  // names what was refused
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "nft/netlink.hpp"
#include "plan/rules/ruleset.hpp"

struct nlmsghdr;

namespace socklid {

class NftBatch {
 public:
  explicit NftBatch(std::string table);

  void add_table(std::string_view comment);
  void delete_table();
  /// The one table that has the kernel's number `handle`, whatever else is called so by now.
  void delete_table(std::uint64_t handle);
  /// The chain without its rules.
  void add(const nft::Chain& chain);
  /// The set with its elements, in messages of at most 64 KiB; the chains it jumps to come before.
  void add(const nft::Set& set);
  /// Appends to `chain`; the sets and chains it names come before.
  void add(std::string_view chain, const nft::Rule& rule);
  /// All of a table, and the table itself.
  void add(const NftRuleset& ruleset);

  /// Ends the batch and asks for the acknowledgement of its last change. Valid as long as this.
  [[nodiscard]] std::string_view finish();
  [[nodiscard]] std::uint32_t last_sequence() const { return sequence_of(objects_.size() - 1); }
  /// Netlink messages, begin and end included once finished.
  [[nodiscard]] std::size_t message_count() const { return messages_; }

  /// The first error of the answer, naming the object and, where known, the remedy. Exit::nft.
  [[nodiscard]] Result<> check(const NetlinkAnswer& answer) const;

 private:
  /// The batch's begin has sequence 0.
  static std::uint32_t sequence_of(std::size_t object) {
    return static_cast<std::uint32_t>(object) + 1;
  }
  void message(std::uint16_t type, std::uint16_t flags, std::string object,
               const std::function<void(nlmsghdr*)>& fill);
  void add_elements(const nft::Set& set);

  std::string table_;
  std::string bytes_;
  std::vector<char> scratch_;         ///< one message
  std::vector<std::string> objects_;  ///< what each message is about; the first has sequence 1
  std::size_t last_offset_{0};        ///< of the last message's header in bytes_
  std::size_t messages_{0};
  std::uint32_t next_set_id_{1};
};

}  // namespace socklid
