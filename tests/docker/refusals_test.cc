#include <nlohmann/json.hpp>

#include "docker/container_check.h"
#include "docker/container_request.h"
#include "docker/docker_fixture.h"
#include "policy/container/container_grant.h"

namespace omnisandbox::docker::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// The body of a plain container of ours, as the engine gets it.
json plain_request() {
  const auto policy = Policy::compile(allowing({"true"}));
  const auto grant = policy::judge_container(policy->compiled(), image());
  const auto facts = test_engine().engine().image("test:1", soon());
  return *container_request({.grant = *grant,
                             .image = *facts,
                             .init_program = OMNISANDBOX_CONTAINER_INIT,
                             .listener_socket = {},
                             .labels = {}});
}

struct Refused {
  std::string name;
  json patch;  ///< merged into the request (RFC 7386)
  ErrorKind kind = ErrorKind::denied;
  std::string said{};
};

/// The real engine takes each of these without a word, or refuses by itself; what it makes of them
/// is never used.
TEST(DockerRefusals, WhatTheEngineTakesWithoutAWordIsRefusedOnReadingBack) {
  const json asked = plain_request();
  const auto host = [](json fields) { return json{{"HostConfig", std::move(fields)}}; };
  const std::vector<Refused> cases = {
      {"privileged", host({{"Privileged", true}})},
      {"root", host({{"Binds", {"/:/host"}}})},
      {"socket", host({{"Binds", {test_engine().address().substr(7) + ":/docker.sock"}}})},
      {"pid", host({{"PidMode", "host"}})},
      {"ipc", host({{"IpcMode", "host"}})},
      {"uts", host({{"UTSMode", "host"}})},
      {"cgroupns", host({{"CgroupnsMode", "host"}})},
      {"cap all", host({{"CapAdd", {"ALL"}}})},
      {"cap sys_admin", host({{"CapAdd", {"SYS_ADMIN"}}})},
      {"cap sys_ptrace", host({{"CapAdd", {"CAP_SYS_PTRACE"}}})},
      {"cap sys_module", host({{"CapAdd", {"SYS_MODULE"}}})},
      {"cap net_admin", host({{"CapAdd", {"NET_ADMIN"}}})},
      {"no cap_drop", host({{"CapDrop", nullptr}})},
      {"seccomp", host({{"SecurityOpt", {"no-new-privileges", "seccomp=unconfined"}}})},
      {"system paths", host({{"SecurityOpt", {"no-new-privileges", "systempaths=unconfined"}}})},
      {"masked paths", host({{"MaskedPaths", json::array()}})},
      {"read-only paths", host({{"ReadonlyPaths", json::array()}})},
      {"device", host({{"Devices",
                        {{{"PathOnHost", "/dev/null"},
                          {"PathInContainer", "/dev/x"},
                          {"CgroupPermissions", "rwm"}}}}})},
      {"device rule", host({{"DeviceCgroupRules", {"b *:* rwm"}}})},
      {"cgroup parent", host({{"CgroupParent", "/elsewhere"}})},
      {"oom kill", host({{"OomKillDisable", true}})},
      {"volume",
       host({{"Mounts",
              {{{"Type", "volume"},
                {"Target", "/host"},
                {"Source", "escape"},
                {"VolumeOptions",
                 {{"DriverConfig",
                   {{"Name", "local"},
                    {"Options", {{"type", "none"}, {"o", "bind"}, {"device", "/"}}}}}}}}}}})},
      {"working folder", {{"WorkingDir", "/proc/self/fd/7"}}},
      {"sysctl", host({{"Sysctls", {{"net.ipv4.ip_forward", "1"}}}})},
      {"network", host({{"NetworkMode", "bridge"}})},
      {"more memory", host({{"Memory", 1 << 30}, {"MemorySwap", 1 << 30}}), ErrorKind::unavailable,
       "Memory"},
      {"no pids limit", host({{"PidsLimit", 0}}), ErrorKind::unavailable, "PidsLimit"},
      {"writable root", host({{"ReadonlyRootfs", false}}), ErrorKind::unavailable,
       "ReadonlyRootfs"},
      {"another user", {{"User", "0"}}, ErrorKind::unavailable, "User"},
      {"a field with a spelling error",
       host({{"PidsLimit", nullptr}, {"PidLimit", 64}, {"CpuQuota", 0}}), ErrorKind::unavailable,
       "asked for"},
  };
  int made = 0;
  for (const Refused& each : cases) {
    json body = asked;
    body.merge_patch(each.patch);
    const auto id = test_engine().engine().create_container("refused", body, soon());
    if (!id) {
      continue;  // the engine itself refuses
    }
    ++made;
    const auto inspected = test_engine().engine().inspect(*id, soon());
    ASSERT_TRUE(inspected);
    const auto checked = check_container(asked, *inspected);
    EXPECT_FALSE(checked) << each.name;
    if (!checked) {
      EXPECT_EQ(checked.error().kind, each.kind) << each.name << ": " << checked.error().message;
      EXPECT_THAT(checked.error().message, HasSubstr(each.said));
    }
    EXPECT_TRUE(test_engine().engine().remove(*id, soon()));
  }
  // Most are taken; else this test shows nothing.
  EXPECT_GE(made, 24);
  const auto id = test_engine().engine().create_container("as-asked", asked, soon());
  ASSERT_TRUE(id) << id.error().message;
  const auto checked = check_container(asked, *test_engine().engine().inspect(*id, soon()));
  EXPECT_TRUE(checked) << checked.error().message;
  EXPECT_TRUE(test_engine().engine().remove(*id, soon()));
  EXPECT_TRUE(
      test_engine().engine().call({.method = "DELETE", .target = "/volumes/escape"}, soon()));
}

}  // namespace
}  // namespace omnisandbox::docker::test
