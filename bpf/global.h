/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Global functions. The verifier looks at such a function once, not for every path that leads to it, and takes what it
 * returns for any number (D11). The compiler must not know better: clang 19 and later infer from its body which numbers
 * it returns, and then leave out what callers check. What may be replaced, as a weak symbol may, they infer nothing of.
 */
#pragma once

#ifdef __BPF__
#define SL_GLOBAL __attribute__((noinline, weak))
#else
#define SL_GLOBAL static inline
#endif
