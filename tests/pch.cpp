// SPDX-License-Identifier: Apache-2.0
//
// The program whose precompiled header the tests use. It does nothing.
int main() {}
