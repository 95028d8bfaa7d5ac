// Files that are none, and what the kernel refuses while one is read.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/test_child.h"
#include "base/test_sanitizer.h"
#include "linux/fd.h"
#include "linux/test_answered_calls.h"
#include "omnisandbox/policy_file.h"
#include "policy/file/yaml_tree.h"

namespace omnisandbox {
namespace {

namespace fs = std::filesystem;

constexpr const char* no_listener = "this kernel hands no system calls over";

class PolicyFileFailures : public testing::Test {
 protected:
  PolicyFileFailures() {
    std::string pattern = (fs::temp_directory_path() / "omnisandbox-policy-XXXXXX").native();
    folder_ = ::mkdtemp(pattern.data());
    std::ofstream(good()) << "version: 1\n";
  }
  ~PolicyFileFailures() override { fs::remove_all(folder_); }

  fs::path good() const { return folder_ / "good.yaml"; }

  static void expect_error(const fs::path& path, std::string_view part) {
    const auto file = load_policy_file(path);
    ASSERT_FALSE(file) << path;
    EXPECT_TRUE(file.error().message.starts_with(path.native() + ":1:1: ")) << file.error().message;
    EXPECT_NE(file.error().message.find(part), std::string::npos) << file.error().message;
  }

  fs::path folder_;
};

TEST_F(PolicyFileFailures, ASocketIsNoPolicy) {
  const fs::path path = folder_ / "socket";
  const linux_::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  expect_error(path, "found a socket, expected a regular file");
}

TEST_F(PolicyFileFailures, AHandleThatIsNoFileIsNoPolicy) {
  const linux_::Fd event(::eventfd(0, EFD_CLOEXEC));
  expect_error("/proc/self/fd/" + std::to_string(event.get()), "found not a regular file");
}

TEST_F(PolicyFileFailures, AFileWhoseReadingFailsIsNoPolicy) {
  // Nothing is mapped at the address 0.
  expect_error("/proc/self/mem", "the file cannot be read: ");
  EXPECT_EQ(load_policy_file("/proc/self/mem").error().system_errno, EIO);
}

TEST_F(PolicyFileFailures, AFileThatCannotBeExaminedIsNoPolicy) {
  for (const int before : {0, 1}) {
    auto answer = [&, seen = 0](const seccomp_data&) mutable {
      return seen++ == before ? linux_::CallAnswer::refused(EIO)
                              : linux_::CallAnswer::carried_out();
    };
    const bool works = linux_::with_calls_answered({SYS_fstat, SYS_newfstatat}, answer, [this] {
      expect_error(good(), "the file cannot be opened: ");
    });
    if (!works) GTEST_SKIP() << no_listener;
  }
  EXPECT_TRUE(load_policy_file(good()));
}

// Takes all the memory that this process can get, also what other tests have given back.
class AllMemory {
 public:
  AllMemory() {
    while (auto* part = static_cast<Part*>(std::malloc(part_bytes))) {
      part->next = taken_;
      taken_ = part;
    }
  }
  AllMemory(const AllMemory&) = delete;
  AllMemory& operator=(const AllMemory&) = delete;
  ~AllMemory() { give_back(SIZE_MAX); }

  void give_back(std::size_t bytes) {
    for (std::size_t parts = bytes / part_bytes; parts > 0 && taken_ != nullptr; --parts) {
      std::free(std::exchange(taken_, taken_->next));
    }
  }

 private:
  struct Part {
    Part* next;
  };
  static constexpr std::size_t part_bytes = 4096;
  Part* taken_ = nullptr;
};

TEST_F(PolicyFileFailures, WithoutMemoryToReadItTextIsNoPolicy) {
  if (test::has_shadow_memory) {
    GTEST_SKIP() << "a sanitizer needs more memory than is left here";
  }
  // The tree of so many values needs many times the memory of their text.
  std::string text = "a: [";
  for (int i = 0; i < 200'000; ++i) {
    text += "b,";
  }
  text += "b]";
  const int result = test::in_child([&] {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit no_more{pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)), RLIM_INFINITY};
    const rlimit enough{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_AS, &no_more) != 0) {
      return 1;
    }
    AllMemory memory;
    memory.give_back(1024 * 1024);
    const auto tree = policy::parse_yaml(text, "policy.yaml");
    memory.give_back(SIZE_MAX);
    if (::setrlimit(RLIMIT_AS, &enough) != 0 || tree) {
      return 2;
    }
    return tree.error().kind == ErrorKind::internal &&
                   tree.error().message.starts_with("policy.yaml:1:1: the YAML parser failed")
               ? 0
               : 3;
  });
  EXPECT_EQ(result, 0);
  EXPECT_TRUE(policy::parse_yaml(text, "policy.yaml")) << "it is only the memory";
}

}  // namespace
}  // namespace omnisandbox
