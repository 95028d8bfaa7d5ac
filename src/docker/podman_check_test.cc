#include "docker/podman_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "docker/json_access.h"
#include "docker/podman_request.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json bind(const std::string& source, const std::string& target, bool is_read_only) {
  return {{"Type", "bind"},
          {"Source", source},
          {"Target", target},
          {"ReadOnly", is_read_only},
          {"BindOptions", {{"Propagation", "rprivate"}, {"NonRecursive", true}}}};
}

/// As container_request makes it.
json asked() {
  return {{"Image", "sha256:1"},
          {"Entrypoint", {"/.omnisandbox/init"}},
          {"Cmd", {"plain"}},
          {"User", "65534:65534"},
          {"WorkingDir", "/"},
          {"Tty", false},
          {"OpenStdin", true},
          {"StdinOnce", true},
          {"AttachStdin", true},
          {"Labels", {{"omnisandbox.owner", "x"}}},
          {"Healthcheck", {{"Test", {"NONE"}}}},
          {"Hostname", "sandbox"},
          {"HostConfig",
           {{"NetworkMode", "none"},
            {"IpcMode", "private"},
            {"CgroupnsMode", "private"},
            {"Privileged", false},
            {"ReadonlyRootfs", true},
            {"CapDrop", {"ALL"}},
            {"CapAdd", {"CHOWN"}},
            {"SecurityOpt", {"no-new-privileges"}},
            {"Memory", 1 << 28},
            {"MemorySwap", 1 << 28},
            {"CpuPeriod", 100'000},
            {"CpuQuota", 50'000},
            {"PidsLimit", 65},
            {"ShmSize", 1 << 20},
            {"Ulimits", {{{"Name", "core"}, {"Soft", 0}, {"Hard", 0}}}},
            {"LogConfig", {{"Type", "none"}}},
            {"AutoRemove", false},
            {"RestartPolicy", {{"Name", "no"}}},
            {"Mounts", {bind("/opt/init", "/.omnisandbox/init", true), bind("/a", "/data", false)}},
            {"Tmpfs", {{"/tmp", "rw,noexec,nosuid,nodev,size=65536,mode=1777"}}}}}};
}

json told_mount(const std::string& source, const std::string& target, bool is_writable) {
  return {{"Type", "bind"},
          {"Source", source},
          {"Destination", target},
          {"Driver", ""},
          {"Mode", ""},
          {"Options", {"bind"}},
          {"RW", is_writable},
          {"Propagation", "rprivate"}};
}

json rlimit(const std::string& name, std::uint64_t limit) {
  return {{"Name", name}, {"Soft", limit}, {"Hard", limit}};
}

/// What Podman 4.3.1 tells of it.
json told() {
  return {
      {"Image", "1"},
      {"OCIRuntime", "crun"},
      {"Rootfs", ""},
      {"Pod", ""},
      {"Dependencies", json::array()},
      {"BoundingCaps", {"CAP_CHOWN"}},
      {"EffectiveCaps", nullptr},
      {"Mounts",
       {told_mount("/opt/init", "/.omnisandbox/init", false), told_mount("/a", "/data", true)}},
      {"Config",
       {{"Entrypoint", "/.omnisandbox/init"},
        {"Cmd", {"plain"}},
        {"User", "65534:65534"},
        {"WorkingDir", "/"},
        {"Tty", false},
        {"OpenStdin", true},
        {"StdinOnce", false},
        {"AttachStdin", false},
        {"Labels", {{"omnisandbox.owner", "x"}}},
        {"Healthcheck", {{"Test", {"NONE"}}}},
        {"Hostname", "sandbox"}}},
      {"HostConfig",
       {{"Binds", {"/opt/init:/.omnisandbox/init:bind,ro,rprivate", "/a:/data:rw,rprivate,bind"}},
        {"CgroupMode", "private"},
        {"Cgroups", "default"},
        {"LogConfig", {{"Type", "none"}, {"Size", "0B"}}},
        {"NetworkMode", "none"},
        {"PortBindings", json::object()},
        {"RestartPolicy", {{"Name", "no"}, {"MaximumRetryCount", 0}}},
        {"AutoRemove", false},
        {"CapAdd", json::array()},
        {"CapDrop", {"CAP_AUDIT_WRITE", "CAP_KILL"}},
        {"IpcMode", "shareable"},
        {"PidMode", "private"},
        {"UTSMode", "private"},
        {"UsernsMode", ""},
        {"Privileged", false},
        {"ReadonlyRootfs", true},
        {"SecurityOpt", {"no-new-privileges"}},
        {"Tmpfs", {{"/tmp", "rw,noexec,nosuid,nodev,size=65536,mode=1777,rprivate"}}},
        {"ShmSize", 1 << 20},
        {"Runtime", "oci"},
        {"Memory", 1 << 28},
        {"MemorySwap", 1 << 28},
        {"CpuPeriod", 100'000},
        {"CpuQuota", 50'000},
        {"PidsLimit", 65},
        {"OomKillDisable", false},
        {"Ulimits", {rlimit("RLIMIT_CORE", 0), rlimit("RLIMIT_NPROC", podman_user_processes)}},
        {"CgroupConf", nullptr}}}};
}

TEST(PodmanCheck, WhatWasAskedForIsAcceptedInPodmansWords) {
  const auto checked = check_podman_container(asked(), told());
  EXPECT_TRUE(checked) << checked.error().message;
  // A source's own flags; another order; the spelling of a later version.
  json other = told();
  other["HostConfig"]["Binds"] = {"/a:/data:rprivate,nosuid,nodev,bind,rw",
                                  "/opt/init:/.omnisandbox/init:ro,bind,rprivate"};
  other["Mounts"][1]["Options"] = {"nosuid", "bind", "nodev"};
  other["Config"]["Entrypoint"] = {"/.omnisandbox/init"};
  const auto again = check_podman_container(asked(), other);
  EXPECT_TRUE(again) << again.error().message;
}

struct Lie {
  std::string name;
  std::function<void(json& told)> tell;
  ErrorKind kind = ErrorKind::denied;
};

TEST(PodmanCheck, WhateverElsePodmanTellsIsRefused) {
  const auto host = [](const char* field, const json& value) {
    return [field, value](json& told) { told["HostConfig"][field] = value; };
  };
  const auto config = [](const char* field, const json& value) {
    return [field, value](json& told) { told["Config"][field] = value; };
  };
  const auto top = [](const char* field, const json& value) {
    return [field, value](json& told) { told[field] = value; };
  };
  const std::string init = "/opt/init:/.omnisandbox/init:bind,ro,rprivate";
  constexpr auto unavailable = ErrorKind::unavailable;
  const std::vector<Lie> lies = {
      {"a further bind",
       host("Binds", {init, "/a:/data:bind,rw,rprivate", "/:/host:bind,ro,rprivate"})},
      {"one bind twice", host("Binds", {init, init, "/a:/data:bind,rw,rprivate"})},
      {"a bind is missing", host("Binds", {init}), unavailable},
      {"no binds", host("Binds", nullptr), unavailable},
      {"another source", host("Binds", {init, "/b:/data:bind,rw,rprivate"})},
      {"another target", host("Binds", {init, "/a:/etc:bind,rw,rprivate"})},
      {"writable", host("Binds", {"/opt/init:/.omnisandbox/init:bind,rw,rprivate",
                                  "/a:/data:bind,rw,rprivate"})},
      {"recursive", host("Binds", {init, "/a:/data:rbind,rw,rprivate"})},
      {"shared", host("Binds", {init, "/a:/data:bind,rw,rshared"})},
      {"overlay", host("Binds", {init, "/a:/data:bind,rw,rprivate,O"})},
      {"owner changed", host("Binds", {init, "/a:/data:bind,rw,rprivate,U"})},
      {"no options", host("Binds", {init, "/a:/data"})},
      {"a number", host("Binds", {init, 7})},
      {"text for a list", host("Binds", init), unavailable},
      {"a further mount",
       [](json& told) { told["Mounts"].push_back(told_mount("/", "/host", false)); }},
      {"a volume", [](json& told) { told["Mounts"][1]["Type"] = "volume"; }},
      {"a writable mount", [](json& told) { told["Mounts"][0]["RW"] = true; }},
      {"a recursive mount", [](json& told) { told["Mounts"][1]["Options"] = {"rbind"}; }},
      {"a shared mount", [](json& told) { told["Mounts"][1]["Propagation"] = "shared"; }},
      {"a relabelled mount", [](json& told) { told["Mounts"][1]["Mode"] = "Z"; }},
      {"a mount is missing", [](json& told) { told["Mounts"].erase(1); }, unavailable},
      {"a further tree", [](json& told) { told["HostConfig"]["Tmpfs"]["/run"] = "rw,rprivate"; }},
      {"a copied tree",
       [](json& told) {
         told["HostConfig"]["Tmpfs"]["/tmp"] =
             "rw,noexec,nosuid,nodev,size=65536,mode=1777,rprivate,tmpcopyup";
       },
       unavailable},
      {"a larger tree",
       [](json& told) {
         told["HostConfig"]["Tmpfs"]["/tmp"] =
             "rw,noexec,nosuid,nodev,size=655360,mode=1777,rprivate";
       },
       unavailable},
      {"no tree", host("Tmpfs", nullptr), unavailable},
      {"trees of another shape", host("Tmpfs", {1, 2}), ErrorKind::io},
      {"a further capability", top("BoundingCaps", {"CAP_CHOWN", "CAP_SYS_ADMIN"})},
      {"an effective capability", top("EffectiveCaps", {"CAP_SYS_PTRACE"})},
      {"a harmless further capability", top("BoundingCaps", {"CAP_CHOWN", "CAP_KILL"}),
       unavailable},
      {"one capability less", top("BoundingCaps", nullptr), unavailable},
      {"no word of capabilities", [](json& told) { told.erase("BoundingCaps"); }, unavailable},
      {"control groups of the host", host("CgroupMode", "host")},
      {"no control groups", host("Cgroups", "disabled")},
      {"no word of control groups", [](json& told) { told["HostConfig"].erase("Cgroups"); }},
      {"settings of control groups", host("CgroupConf", {{"memory.high", "1"}})},
      {"processes of the host", host("PidMode", "host")},
      {"the host's name", host("UTSMode", "host")},
      {"shared memory of the host", host("IpcMode", "host")},
      {"a user namespace that exists", host("UsernsMode", "ns:/proc/1/ns/user")},
      {"a network", host("NetworkMode", "slirp4netns")},
      {"the host's network", host("NetworkMode", "host"), unavailable},
      {"privileged", host("Privileged", true)},
      {"a writable root", host("ReadonlyRootfs", false), unavailable},
      {"new privileges", host("SecurityOpt", json::array()), unavailable},
      {"no system call filter", host("SecurityOpt", {"no-new-privileges", "seccomp=unconfined"})},
      {"more memory", host("Memory", 1 << 29), unavailable},
      {"no limit of processes", host("PidsLimit", 0), unavailable},
      {"no ulimits", host("Ulimits", json::array()), unavailable},
      {"a further ulimit",
       [](json& told) { told["HostConfig"]["Ulimits"].push_back(rlimit("RLIMIT_MEMLOCK", 1)); },
       unavailable},
      {"another number of a user's processes",
       [](json& told) { told["HostConfig"]["Ulimits"][1] = rlimit("RLIMIT_NPROC", 1 << 20); },
       unavailable},
      {"a device", host("Devices", {{{"PathOnHost", "/dev/sda"}}})},
      {"Podman's init", host("Init", true)},
      {"systemd", config("SystemdMode", true)},
      {"a secret", config("Secrets", {{{"Name", "x"}}})},
      {"a pod", top("Pod", "abc")},
      {"a folder as root", top("Rootfs", "/srv")},
      {"another container", top("Dependencies", {"abc"})},
      {"another image", top("Image", "2"), unavailable},
      {"another entry point", config("Entrypoint", "/bin/sh"), unavailable},
      {"another user", config("User", "0"), unavailable},
      {"no input", config("OpenStdin", false), unavailable},
      {"no labels", config("Labels", nullptr), unavailable},
      {"no settings", top("Config", nullptr), ErrorKind::io},
      {"nothing", [](json& told) { told = json(); }, ErrorKind::io},
  };
  for (const Lie& lie : lies) {
    json changed = told();
    lie.tell(changed);
    const auto checked = check_podman_container(asked(), changed);
    ASSERT_FALSE(checked) << lie.name;
    EXPECT_EQ(checked.error().kind, lie.kind) << lie.name << ": " << checked.error().message;
  }
}

TEST(PodmanCheck, NoWordOfCapabilitiesAsksForNone) {
  json body = asked();
  body["HostConfig"].erase("CapAdd");
  EXPECT_FALSE(check_podman_container(body, told()));
  json none = told();
  none["BoundingCaps"] = nullptr;
  const auto checked = check_podman_container(body, none);
  EXPECT_TRUE(checked) << checked.error().message;
}

TEST(PodmanCheck, ARuntimeIsTheOneThatWasAskedFor) {
  json body = asked();
  body["HostConfig"]["Runtime"] = "runsc";
  EXPECT_EQ(podman_request("x", body)["oci_runtime"], "runsc");
  const auto other = check_podman_container(body, told());
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("crun"));
  json same = told();
  same["OCIRuntime"] = "runsc";
  EXPECT_TRUE(check_podman_container(body, same));
}

TEST(PodmanCheck, SecurityOptionsAreTranslatedBothWays) {
  json body = asked();
  body["HostConfig"]["SecurityOpt"] = {"no-new-privileges", "apparmor:strict", "label=level:s0"};
  const json request = podman_request("x", body);
  EXPECT_EQ(request["apparmor_profile"], "strict");
  EXPECT_EQ(request["selinux_opts"], json({"level:s0"}));
  EXPECT_EQ(request["no_new_privileges"], true);
  json same = told();
  same["HostConfig"]["SecurityOpt"] = {"no-new-privileges", "apparmor=strict", "label=level:s0"};
  const auto checked = check_podman_container(body, same);
  EXPECT_TRUE(checked) << checked.error().message;
  same["HostConfig"]["SecurityOpt"] = {"no-new-privileges", "apparmor=other", "label=level:s0"};
  EXPECT_FALSE(check_podman_container(body, same));
}

TEST(PodmanRequest, NothingIsCopiedIntoATreeAndNoMountIsRecursive) {
  const json request = podman_request("x", asked());
  ASSERT_EQ(request["mounts"].size(), 3U);
  for (const json& mount : request["mounts"]) {
    if (mount["type"] == "tmpfs") {
      EXPECT_THAT(mount["options"].get<std::vector<std::string>>(),
                  testing::IsSupersetOf({"notmpcopyup", "rprivate", "noexec", "size=65536"}));
    } else {
      EXPECT_THAT(mount["options"].get<std::vector<std::string>>(),
                  testing::ElementsAre("bind", mount["source"] == "/a" ? "rw" : "ro", "rprivate"));
    }
  }
  EXPECT_EQ(request["image_volume_mode"], "ignore");
  EXPECT_EQ(request["cgroupns"]["nsmode"], "private");
}

}  // namespace
}  // namespace omnisandbox::docker
