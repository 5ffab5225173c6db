// SPDX-License-Identifier: Apache-2.0
//
// Fails if a path leads elsewhere than the kernel would go inside the container, leaves its root,
// hangs, or is taken for missing when it is there.
#include "node/files/tree.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <random>

#include "system/files.hpp"
#include "tests/support/container_tree.hpp"

namespace socklid {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class Tree : public ::testing::Test {
 protected:
  [[nodiscard]] std::optional<FoundFile> find(const std::string& path) const {
    auto found = files_.tree().find(path);
    EXPECT_TRUE(found) << path << ": " << found.error().message;
    return found ? std::move(*found) : std::nullopt;
  }
  [[nodiscard]] std::string place(const std::string& path) const {
    const auto found = find(path);
    return found ? found->place : "missing";
  }
  [[nodiscard]] std::string refusal(const std::string& path) const {
    const auto found = files_.tree().find(path);
    return found ? "found" : found.error().message;
  }
  TreeOnDisk files_;
};

TEST_F(Tree, FollowsLinksWithinTheRoot) {
  files_.file("usr/bin/busybox");
  files_.link("bin", "usr/bin");
  files_.link("usr/bin/sh", "/bin/busybox");
  files_.link("up", "../../../../usr");
  EXPECT_EQ(place("/bin/sh"), "/usr/bin/busybox");
  EXPECT_EQ(place("/up/bin/../bin/./sh"), "/usr/bin/busybox");
  EXPECT_EQ(place("/../../usr/bin"), "/usr/bin");
  EXPECT_EQ(place("/"), "/");
  EXPECT_EQ(find("/bin/sh")->number.inode, files_.inode("usr/bin/busybox"));
  EXPECT_EQ(find("/bin/sh")->name, "busybox");
}

TEST_F(Tree, WritesDownEveryStep) {
  files_.file("usr/bin/busybox");
  files_.link("bin", "usr/bin");
  const auto found = find("/bin/busybox");
  const std::uint32_t device = found->number.device;
  for (const char* step : {"", "bin", "usr", "usr/bin"}) {
    EXPECT_THAT(found->passed, Contains(FileNumber{files_.inode(step), device})) << step;
  }
  ASSERT_EQ(found->above.size(), 3U);
  EXPECT_EQ(found->above.back().inode, files_.inode("usr/bin"));
}

TEST_F(Tree, SaysWhatIsMissing) {
  files_.file("a/file");
  files_.link("dangling", "nowhere");
  for (const char* path :
       {"/none", "/a/none", "/a/file/x", "/a/file/", "/a/file/..", "/dangling"}) {
    EXPECT_EQ(place(path), "missing") << path;
  }
}

TEST_F(Tree, EndsWhereTheKernelEnds) {
  files_.file("end");
  files_.link("loop", "loop");
  std::string before = "end";
  for (int i = 1; i <= 41; i++) {
    const std::string name = "l" + std::to_string(i);
    files_.link(name, before);
    before = name;
  }
  EXPECT_EQ(place("/l40"), "/end");
  EXPECT_THAT(refusal("/l41"), HasSubstr("more than 40 links"));
  EXPECT_THAT(refusal("/loop"), HasSubstr("more than 40 links"));
  std::string deep;
  for (int i = 0; i < 101; i++) deep += "/d";
  files_.directory(deep.substr(1));
  EXPECT_THAT(refusal(deep), HasSubstr("lies too deep"));
  std::string dots;
  for (int i = 0; i < 5000; i++) dots += "/.";
  EXPECT_THAT(refusal(dots), HasSubstr("too many directories"));
}

TEST_F(Tree, WaitsForNobody) {
  ASSERT_EQ(::mkfifo((files_.path() + "/pipe").c_str(), 0755), 0);
  EXPECT_TRUE(S_ISFIFO(find("/pipe")->mode));
  files_.link("out", "/proc/self/root");
  EXPECT_EQ(place("/out"), "missing") << "the root's own proc is another";
}

TEST_F(Tree, TakesNamesOfAnyBytes) {
  const std::string name = "\xff\xfe\n";
  files_.file(name);
  files_.link("x", name);
  EXPECT_EQ(find("/x")->name, name);
}

/// What realpath(3) says within the root; "missing" if nothing.
std::string real_path_inside(const std::string& root, const std::string& path) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    std::array<char, PATH_MAX> result{};
    const bool there = ::chroot(root.c_str()) == 0 && ::chdir("/") == 0 &&
                       ::realpath(path.c_str(), result.data()) != nullptr;
    const std::string_view text = there ? result.data() : "missing";
    ::_exit(::write(pipe[1], text.data(), text.size()) < 0 ? 1 : 0);
  }
  ::close(pipe[1]);
  std::array<char, PATH_MAX> answer{};
  const ssize_t length = ::read(pipe[0], answer.data(), answer.size());
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  return {answer.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
}

TEST_F(Tree, GoesWhereTheKernelGoes) {
  if (::geteuid() != 0) GTEST_SKIP() << "chroot(2) needs root";
  std::mt19937 random(20261129);  // NOLINT: the same paths each time
  const auto pick = [&random](const auto& from) { return from[random() % from.size()]; };
  const std::array<std::string, 4> names = {"a", "b", "c", "d"};
  const std::array<std::string, 7> parts = {"a", "b", "c", "d", "..", ".", ""};
  const auto some_path = [&](bool absolute) {
    std::string path = absolute ? "/" : "";
    for (auto i = random() % 5 + 1; i > 0; i--) path += pick(parts) + "/";
    if (random() % 4 != 0) path += pick(names);
    return path.empty() ? std::string("a") : path;
  };
  std::size_t there = 0;
  for (int round = 0; round < 40; round++) {
    TreeOnDisk files;
    for (int i = 0; i < 24; i++) {
      const std::string where = pick(names) + (random() % 2 ? "/" + pick(names) : "");
      const auto kind = random() % 3;
      if (kind == 0) files.try_directory(where);
      if (kind == 1) files.try_file(where);
      if (kind == 2) files.try_link(where, some_path(random() % 2 == 0));
    }
    for (int i = 0; i < 30; i++) {
      const std::string path = some_path(true);
      const std::string inside = real_path_inside(files.path(), path);
      const auto found = files.tree().find(path);
      // The kernel's ELOOP is an error here.
      const std::string ours = found && *found ? (*found)->place : "missing";
      ASSERT_EQ(ours, inside) << path << " in round " << round;
      there += ours != "missing";
    }
  }
  EXPECT_GT(there, 100U) << "most paths led nowhere: nothing was compared";
}

/// In a mount namespace of its own, for as long as the process lives.
void expect_in_own_mounts(const std::function<void()>& check) {
  if (::geteuid() != 0) GTEST_SKIP() << "mount(2) needs root";
  const pid_t child = ::fork();
  if (child == 0) {
    const bool apart = ::unshare(CLONE_NEWNS) == 0 &&
                       ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    if (apart) check();
    ::_exit(apart ? (::testing::Test::HasFailure() ? 1 : 0) : 2);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(status, 0) << "see above";
}

TEST_F(Tree, KnowsWhatLiesUnderAMount) {
  expect_in_own_mounts([&] {
    files_.directory("data/run");
    files_.file("hosts");
    files_.file("source");
    const std::uint64_t covered = files_.inode("data");
    const std::uint64_t under_file = files_.inode("hosts");
    const std::string data = files_.path() + "/data";
    ASSERT_EQ(::mount("x", data.c_str(), "tmpfs", 0, nullptr), 0);
    ASSERT_EQ(::mount((files_.path() + "/source").c_str(), (files_.path() + "/hosts").c_str(),
                      nullptr, MS_BIND, nullptr),
              0);
    files_.file("data/file");
    const auto file = find("/data/file");
    const std::uint32_t outer = find("/source")->number.device;
    EXPECT_NE(file->number.device, outer);
    EXPECT_FALSE(file->is_mounted);
    EXPECT_THAT(file->passed, Contains(FileNumber{covered, outer}));
    EXPECT_THAT(file->above, Contains(FileNumber{covered, outer}));
    const auto bound = find("/hosts");
    EXPECT_TRUE(bound->is_mounted);
    EXPECT_EQ(bound->number.inode, files_.inode("source"));
    EXPECT_THAT(bound->passed, Contains(FileNumber{under_file, outer}));
    EXPECT_TRUE(find("/data")->is_mounted);
    ASSERT_EQ(files_.tree().mounts().size(), 2U);
    EXPECT_EQ(files_.tree().mounts()[0].place, "/data");
    EXPECT_EQ(files_.tree().mounts()[0].type, "tmpfs");
  });
}

TEST_F(Tree, RefusesOverlaysOfSeveralFileSystems) {
  expect_in_own_mounts([&] {
    files_.directory("one");
    files_.directory("two");
    for (const char* part : {"one", "two"}) {
      ASSERT_EQ(::mount("x", (files_.path() + "/" + part).c_str(), "tmpfs", 0, nullptr), 0);
    }
    files_.directory("root");
    files_.file("one/usr/bin/x");
    files_.directory("two/upper");
    files_.directory("two/work");
    const auto over = [&](const std::string& lower, const std::string& more) {
      const std::string options = "lowerdir=" + files_.path() + "/" + lower +
                                  ",upperdir=" + files_.path() +
                                  "/two/upper,workdir=" + files_.path() + "/two/work" + more;
      return ::mount("overlay", (files_.path() + "/root").c_str(), "overlay", 0, options.c_str());
    };
    if (over("one", ",xino=off") != 0) ::_exit(2);
    EXPECT_THAT(refusal("/root/usr/bin/x"), HasSubstr("xino=on"));
    EXPECT_THAT(refusal("/root/usr"), HasSubstr("xino=on"));
    EXPECT_EQ(refusal("/root"), "found") << "its own number lasts";
    ASSERT_EQ(::umount2((files_.path() + "/root").c_str(), 0), 0);
    files_.file("two/lower/usr/bin/x");
    ASSERT_EQ(over("two/lower", ",xino=off"), 0);
    EXPECT_EQ(place("/root/usr/bin/x"), "/root/usr/bin/x");
  });
}

TEST_F(Tree, RefusesFileSystemsThatAreNotKnownToKeepNumbers) {
  expect_in_own_mounts([&] {
    files_.directory("data");
    if (::mount("x", (files_.path() + "/data").c_str(), "devpts", 0, "newinstance") != 0) {
      ::_exit(2);
    }
    EXPECT_THAT(refusal("/data/ptmx"), AllOf(HasSubstr("devpts"), HasSubstr("lasting numbers")));
    EXPECT_EQ(refusal("/data"), "found") << "it is mounted, and stays";
  });
}

TEST(RootByProc, IsAboveTheLastOne) {
  const auto mounts = parse_mountinfo(
      "20 1 0:20 / /proc rw - proc proc rw\n"
      "21 1 0:21 / /var/lib/a/merged/proc rw - proc proc rw\n"
      "22 1 0:21 /sys /var/lib/b/proc ro - proc proc rw\n");
  EXPECT_EQ(root_by_proc(mounts), "/var/lib/a/merged");
  EXPECT_EQ(root_by_proc(parse_mountinfo("20 1 0:20 / /proc rw - proc proc rw\n")), std::nullopt);
}

TEST(ContainerRoot, IsWhatItsBundleNames) {
  TreeOnDisk files;
  files.directory("bundle/rootfs/etc");
  files.link("elsewhere", files.path() + "/bundle/rootfs");
  expect_in_own_mounts([&] {
    const auto self = ContainerProcess::open(::getpid());
    ASSERT_TRUE(self);
    const std::string bundle = files.path() + "/bundle";
    for (const std::string& path : {std::string("rootfs"), files.path() + "/elsewhere"}) {
      files.write("bundle/config.json", R"({"root": {"path": ")" + path + R"("}})");
      const auto tree = ContainerTree::open(*self, bundle);
      ASSERT_TRUE(tree) << tree.error().message;
      EXPECT_EQ((*tree->find("/etc"))->number.inode, files.inode("bundle/rootfs/etc"));
    }
    files.write("bundle/config.json", "{}");
    EXPECT_EQ(ContainerTree::open(*self, bundle).error().exit, Exit::state);
    files.write("bundle/config.json", R"({"root": {"path": "none"}})");
    EXPECT_EQ(ContainerTree::open(*self, bundle).error().exit, Exit::process);
  });
}

TEST(ContainerRoot, HasNoPathOnAMountThatIsShared) {
  TreeOnDisk files;
  files.file("root/etc/file");
  files.file("root/data/file");
  files.write("config.json", R"({"root": {"path": "root"}})");
  expect_in_own_mounts([&] {
    const std::string data = files.path() + "/root/data";
    if (::mount("x", data.c_str(), "tmpfs", 0, nullptr) != 0) ::_exit(2);
    if (::mount(nullptr, data.c_str(), nullptr, MS_SHARED, nullptr) != 0) ::_exit(2);
    files.file("root/data/file");
    const auto self = ContainerProcess::open(::getpid());
    ASSERT_TRUE(self);
    const auto tree = ContainerTree::open(*self, files.path());
    ASSERT_TRUE(tree) << tree.error().message;
    EXPECT_TRUE(tree->find("/etc/file"));
    EXPECT_THAT(tree->find("/data/file").error().message, HasSubstr("is shared"));
    EXPECT_TRUE(files.tree().find("/root/data/file")) << "in a directory nobody runs";
  });
}

}  // namespace
}  // namespace socklid
