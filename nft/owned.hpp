// SPDX-License-Identifier: Apache-2.0
//
// owned: libnftnl's objects with an owner.
//
//   const auto chain = owned(nftnl_chain_alloc());
//   nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table.c_str());
#pragma once

#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include <memory>
#include <new>

namespace socklid {

struct FreeNftnl {
  void operator()(nftnl_table* table) const { nftnl_table_free(table); }
  void operator()(nftnl_chain* chain) const { nftnl_chain_free(chain); }
  void operator()(nftnl_set* set) const { nftnl_set_free(set); }
  void operator()(nftnl_rule* rule) const { nftnl_rule_free(rule); }
  void operator()(nftnl_udata_buf* data) const { nftnl_udata_buf_free(data); }
  void operator()(nftnl_set_elems_iter* iterator) const { nftnl_set_elems_iter_destroy(iterator); }
};

template <typename T>
using Owned = std::unique_ptr<T, FreeNftnl>;

/// These libraries return null only when memory is out, which is main()'s to report.
template <typename T>
Owned<T> owned(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return Owned<T>(object);
}

}  // namespace socklid
