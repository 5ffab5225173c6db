// SPDX-License-Identifier: Apache-2.0
//
// Operations that are about no socket, and that a program of ours sees all the same.
#pragma once

// Does it once, in the caller's mount and network namespace; ends the program if it fails.
typedef void (*deed)(const char* path);

// open, write: open and close of the file; elsewhere: the same as write in /dev/shm; create: and
// unlink, beside the file; mkdir: and rmdir, there too; mount: tmpfs on /mnt, and umount; key: add
// and unlink; sysctl: one that is harmless; fork: and exit, and wait; exec: of this program by
// vfork, and wait. Null if there is none of that name.
deed deed_named(const char* name);

// As this program's one argument: it ends at once.
extern const char nothing[];
