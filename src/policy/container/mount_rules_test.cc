#include "policy/container/mount_rules.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "linux/fd.h"
#include "linux/test_answered_calls.h"
#include "linux/test_ordinary_user.h"

namespace omnisandbox::policy {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class MountRules : public testing::Test {
 protected:
  MountRules() {
    std::string path = "/tmp/omnisandbox-mounts-XXXXXX";
    root_ = ::mkdtemp(path.data());
    fs::create_directories(root_ / "allowed/sub");
    fs::create_directories(root_ / "other");
    std::ofstream(root_ / "allowed/file") << "x";
  }
  ~MountRules() override { fs::remove_all(root_); }

  Config config(bool writes) const {
    Config config{.capabilities = {Capability::exec_run, Capability::fs_read},
                  .allowed_paths = {PathRule((root_ / "allowed").string())},
                  .allowed_commands = {"true"}};
    if (writes) config.capabilities.push_back(Capability::fs_write);
    return config;
  }

  static Expected<ContainerGrant> judged(const Config& config, DockerMount mount) {
    auto policy = Policy::compile(config);
    EXPECT_TRUE(policy) << policy.error().message;
    return judge_container(policy->compiled(), {.image = "a", .mounts = {std::move(mount)}});
  }

  void expect_denied(const Config& config, const fs::path& path, bool read_only = true) const {
    const auto grant = judged(config, {path.string(), "/data", read_only});
    ASSERT_FALSE(grant) << path;
    EXPECT_EQ(grant.error().kind, ErrorKind::denied) << grant.error().message;
  }

  fs::path root_;
};

TEST_F(MountRules, AnAllowedFolderIsPinnedAsItIs) {
  fs::create_directory_symlink(root_ / "allowed/sub", root_ / "allowed/link");
  const auto grant = judged(config(false), {(root_ / "allowed/link").string(), "/data//x/", true});
  ASSERT_TRUE(grant) << grant.error().message;
  ASSERT_EQ(grant->mounts.size(), 1U);
  EXPECT_EQ(grant->mounts[0].source, (root_ / "allowed/sub").string());
  EXPECT_EQ(grant->mounts[0].target, "/data/x");
  EXPECT_TRUE(grant->mounts[0].handle.is_open());
  EXPECT_NE(grant->mounts[0].status.st_ino, 0U);
}

TEST_F(MountRules, WhatThePolicyDoesNotOpenIsRefused) {
  expect_denied(config(false), root_ / "other");
  expect_denied(config(false), root_ / "allowed", false);  // fs_write is not granted
  Config without_reading = config(false);
  without_reading.capabilities = {Capability::exec_run};
  expect_denied(without_reading, root_ / "allowed");
  fs::create_directory_symlink(root_ / "other", root_ / "allowed/escape");
  expect_denied(config(false), root_ / "allowed/escape");
  Config read_rule = config(true);
  read_rule.allowed_paths = {PathRule((root_ / "allowed").string(), PathAccess::read)};
  expect_denied(read_rule, root_ / "allowed", false);
  EXPECT_TRUE(judged(config(true), {(root_ / "allowed").string(), "/data", false}));
}

TEST_F(MountRules, TheMachineItselfIsNeverMounted) {
  Config everything = config(true);
  everything.allowed_paths = {"*"};
  for (const char* path : {"/", "/etc", "/proc", "/proc/self", "/sys", "/dev", "/dev/null", "/boot",
                           "/var", "/run", "/root", "/var/lib/docker", "/usr/lib", "//etc/"}) {
    if (fs::exists(path) || std::string_view(path).starts_with("/var/lib")) {
      expect_denied(everything, path);
    }
  }
  for (const auto& [name, target] : {std::pair{"to_etc", "/etc"}, {"to_root", "/"}}) {
    fs::create_symlink(target, root_ / "allowed" / name);
    expect_denied(everything, root_ / "allowed" / name);
  }
}

TEST_F(MountRules, SocketsAndPipesAreNeitherMountedNorSeen) {
  const std::string path = (root_ / "allowed/docker.sock").string();
  const linux_::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  expect_denied(config(false), path);
  const auto grant = judged(config(false), {(root_ / "allowed").string(), "/data", true});
  ASSERT_TRUE(grant);
  ASSERT_EQ(grant->masks.size(), 1U);
  EXPECT_EQ(grant->masks[0].target, "/data/docker.sock");
  EXPECT_EQ(grant->masks[0].kind, MountMask::Kind::hidden_file);
}

// The engine could not be told what to hide.
TEST_F(MountRules, SomethingHiddenWhoseNameIsNoTextIsAnErrorThatNamesIt) {
  const fs::path folder = root_ / "allowed/\xff\xfe";
  fs::create_directories(folder);
  std::ofstream(folder / "file") << "seen";
  const DockerMount mount{(root_ / "allowed").string(), "/data", true};
  EXPECT_TRUE(judged(config(true), mount));
  std::ofstream(folder / ".env") << "SECRET=1";
  const auto refused = judged(config(true), mount);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  EXPECT_NE(refused.error().message.find("\\xff\\xfe/.env"), std::string::npos)
      << refused.error().message;
}

TEST_F(MountRules, WhatTheRulesTakeAwayBeneathIsMasked) {
  fs::create_directories(root_ / "allowed/.ssh");
  std::ofstream(root_ / "allowed/.env") << "SECRET=1";
  Config narrower = config(true);
  narrower.allowed_paths.emplace_back((root_ / "allowed/sub").string(), PathAccess::read);
  const auto grant = judged(narrower, {(root_ / "allowed").string(), "/data", false});
  ASSERT_TRUE(grant) << grant.error().message;
  std::map<std::string, MountMask::Kind> masks;
  for (const MountMask& mask : grant->masks) masks[mask.target] = mask.kind;
  EXPECT_EQ(masks["/data/.ssh"], MountMask::Kind::hidden_folder);
  EXPECT_EQ(masks["/data/.env"], MountMask::Kind::hidden_file);
  EXPECT_EQ(masks["/data/sub"], MountMask::Kind::read_only);
}

TEST_F(MountRules, PlacesInsideAreChecked) {
  for (const char* target : {"", "data", "/", "/data/../etc", "/proc/x", "/sys", "/dev/shm",
                             "/.omnisandbox/init", "/a,b"}) {
    const auto grant = judged(config(false), {(root_ / "allowed").string(), target, true});
    ASSERT_FALSE(grant) << target;
    EXPECT_EQ(grant.error().kind, ErrorKind::invalid_argument) << target;
  }
  auto policy = Policy::compile(config(false));
  const std::string path = (root_ / "allowed").string();
  EXPECT_FALSE(judge_container(policy->compiled(),
                               {.image = "a", .mounts = {{path, "/data/x"}, {path, "/data"}}}));
  EXPECT_FALSE(judge_container(policy->compiled(),
                               {.image = "a", .mounts = {{path, "/data"}, {path, "/data"}}}));
}

TEST_F(MountRules, AFileWithOtherNamesIsNotOpenedForWriting) {
  fs::create_hard_link(root_ / "allowed/file", root_ / "other/name");
  expect_denied(config(true), root_ / "allowed/file", false);
  EXPECT_TRUE(judged(config(true), {(root_ / "allowed/file").string(), "/file", true}));
}

TEST_F(MountRules, AFolderThatCannotBeLookedThroughIsNotMounted) {
  fs::permissions(root_, fs::perms(0755));
  fs::permissions(root_ / "allowed/sub", fs::perms(0311));
  const bool works = linux_::as_ordinary_user([this] {
    const auto grant = judged(config(false), {(root_ / "allowed").string(), "/data", true});
    ASSERT_FALSE(grant);
    EXPECT_EQ(grant.error().kind, ErrorKind::denied);
    EXPECT_THAT(grant.error().message,
                HasSubstr((root_ / "allowed/sub").string() + " cannot be looked through"));
  });
  fs::permissions(root_ / "allowed/sub", fs::perms(0755));
  if (!works) GTEST_SKIP() << "root cannot become an ordinary user here";
  EXPECT_TRUE(judged(config(false), {(root_ / "allowed").string(), "/data", true}));
}

// A folder with as many entries as may be looked through: the kernel would give it in as many
// parts, and it would take minutes to make.
class EndlessFolder {
 public:
  linux_::CallAnswer list(const seccomp_data& call) {
    auto* buffer = linux_::pointed_to<char>(call, 1);
    std::size_t length = 0;
    constexpr std::string_view name = "x";
    constexpr std::size_t entry_bytes = (offsetof(dirent64, d_name) + name.size() + 1 + 7) / 8 * 8;
    while (given_ < max_searched_mount_entries && length + entry_bytes <= call.args[2]) {
      auto* entry = reinterpret_cast<dirent64*>(buffer + length);
      entry->d_ino = ++given_;
      entry->d_reclen = entry_bytes;
      entry->d_type = DT_REG;
      entry->d_name[name.copy(entry->d_name, name.size())] = '\0';
      length += entry_bytes;
    }
    return linux_::CallAnswer::returned(static_cast<std::int64_t>(length));
  }

 private:
  std::size_t given_ = 0;
};

TEST_F(MountRules, AFolderWithTooMuchToLookThroughIsNotMounted) {
  fs::remove(root_ / "allowed/file");  // what is left is "sub"
  EndlessFolder endless;
  int listed = 0;
  const auto answer = [&](const seccomp_data& call) {
    // Two calls for "allowed": what is in it, and its end.
    return ++listed <= 2 ? linux_::CallAnswer::carried_out() : endless.list(call);
  };
  const bool works = linux_::with_calls_answered({SYS_getdents64}, answer, [this] {
    const auto grant = judged(config(false), {(root_ / "allowed").string(), "/data", true});
    ASSERT_FALSE(grant);
    EXPECT_EQ(grant.error().kind, ErrorKind::too_large) << grant.error().message;
    EXPECT_THAT(grant.error().message, HasSubstr("mount a narrower folder"));
  });
  if (!works) GTEST_SKIP() << "this kernel hands no system calls over";
}

TEST_F(MountRules, WhatIsNotThereIsSaid) {
  const auto grant = judged(config(false), {(root_ / "allowed/missing").string(), "/data", true});
  ASSERT_FALSE(grant);
  EXPECT_EQ(grant.error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace omnisandbox::policy
