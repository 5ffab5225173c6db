// SPDX-License-Identifier: Apache-2.0
//
// Operations that are about no socket, and that a program of ours sees all the same.
#pragma once

// Does it once, in the caller's mount and network namespace; ends the program if it fails.
typedef void (*deed)(const char* path);

// open, write: open and close of the file; mkdir: and rmdir, beside it; mount: tmpfs on /mnt, and
// umount; key: add and unlink; sysctl: one that is harmless. Null if there is none of that name.
deed deed_named(const char* name);
