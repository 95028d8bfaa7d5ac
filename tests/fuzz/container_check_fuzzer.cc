// A container as an engine describes it. Whatever JSON that is, the check ends with an answer; what
// is accepted has none of what is never allowed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "docker/container_check.h"
#include "docker/engine/engine.h"
#include "docker/podman_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using nlohmann::json;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const json inspected = json::parse(text, nullptr, false);
  if (inspected.is_discarded()) {
    return 0;
  }
  const json asked = {{"Image", "sha256:1"},
                      {"User", "65534"},
                      {"HostConfig", {{"CapDrop", {"ALL"}}, {"PidsLimit", 65}}}};
  if (omnisandbox::docker::check_podman_container(asked, inspected)) {
    const json& host = inspected.at("HostConfig");
    if (host.value("Privileged", false) || host.value("PidsLimit", json()) != 65 ||
        !host.value("Binds", json::array()).empty() || !inspected.at("BoundingCaps").empty()) {
      std::abort();
    }
  }
  if (omnisandbox::docker::check_container(asked, inspected)) {
    const json& host = inspected.at("HostConfig");
    if (host.value("Privileged", false) || host.value("PidsLimit", json()) != 65 ||
        inspected.at("Config").at("User") != "65534") {
      std::abort();
    }
  }
  return 0;
}
