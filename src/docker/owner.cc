#include "docker/owner.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <vector>

namespace omnisandbox::docker {
namespace {

constexpr std::size_t identity_parts = 4;
// proc(5), /proc/pid/stat: start time is field 22, the 20th after the name in brackets.
constexpr int start_time_field = 20;

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Start time of a process in clock ticks since the boot; empty when there is none.
std::string start_time_of(std::string_view pid) {
  const std::string text = content_of(fmt::format("/proc/{}/stat", pid));
  std::size_t place = text.rfind(')');
  for (int field = 0; field < start_time_field && place != std::string::npos; ++field) {
    place = text.find(' ', place + 1);
  }
  if (place == std::string::npos) {
    return {};
  }
  return text.substr(place + 1, text.find(' ', place + 1) - place - 1);
}

std::string surroundings() {
  std::string boot = content_of("/proc/sys/kernel/random/boot_id");
  boot.erase(boot.find_last_not_of('\n') + 1);
  struct stat status {};
  if (boot.empty() || ::stat("/proc/self/ns/pid", &status) != 0) {
    return {};
  }
  return fmt::format("{}:{}", boot, status.st_ino);
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t colon = text.find(':');
    parts.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(colon + 1);
  }
}

}  // namespace

std::string own_identity() {
  const std::string around = surroundings();
  const std::string pid = std::to_string(::getpid());
  const std::string start = start_time_of(pid);
  return around.empty() || start.empty() ? "" : fmt::format("{}:{}:{}", around, pid, start);
}

std::optional<bool> is_alive(std::string_view identity) {
  const auto parts = split(identity);
  const std::string around = surroundings();
  if (parts.size() != identity_parts || around.empty()) {
    return std::nullopt;
  }
  if (around.substr(0, around.find(':')) != parts[0]) {
    // Of an earlier boot of this machine, where the engine listens on a UNIX socket.
    return false;
  }
  if (around != fmt::format("{}:{}", parts[0], parts[1])) {
    return std::nullopt;
  }
  int pid = 0;
  const auto parsed = std::from_chars(parts[2].data(), parts[2].data() + parts[2].size(), pid);
  if (parsed.ec != std::errc() || parsed.ptr != parts[2].data() + parts[2].size() || pid <= 0) {
    return std::nullopt;
  }
  return start_time_of(parts[2]) == parts[3];
}

std::map<std::string, std::string> labels_for(const std::string& run_id,
                                              std::chrono::system_clock::time_point expiry) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(expiry.time_since_epoch()).count();
  return {{std::string(owner_label), own_identity()},
          {std::string(run_label), run_id},
          {std::string(expiry_label), std::to_string(seconds)}};
}

}  // namespace omnisandbox::docker
