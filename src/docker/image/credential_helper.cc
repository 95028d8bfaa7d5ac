#include "docker/image/credential_helper.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "docker/json_access.h"
#include "linux/channels.h"
#include "linux/child_process.h"
#include "linux/file_system.h"

extern char** environ;

namespace omnisandbox::docker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t max_answer_bytes = 64 * 1024;
constexpr std::size_t max_name_bytes = 64;
// Helpers ask key rings and token services; a person may have to unlock one.
constexpr std::chrono::seconds helper_time{30};
constexpr auto look_for_a_stop = std::chrono::milliseconds(100);

Error problem(const std::string& name, std::string_view what) {
  return base::make_error(ErrorKind::unavailable,
                          "the credential helper docker-credential-{} {}; log in again, or take it "
                          "out of the registry configuration",
                          base::printable(name, max_name_bytes), what);
}

std::optional<std::string> find_program(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    // A relative entry would be whatever the working folder holds.
    if (const std::string folder(rest.substr(0, colon)); folder.starts_with('/')) {
      std::string file = folder + "/" + program;
      if (::access(file.c_str(), X_OK) == 0) {
        return file;
      }
    }
    rest = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
  }
  return std::nullopt;
}

/// All that it says until it ends.
Expected<std::string> read_answer(const std::string& name, const linux_::Fd& output,
                                  const Patience& patience) {
  std::string answer;
  std::array<char, 4096> buffer;
  const auto until = std::min(patience.until, Clock::now() + helper_time);
  for (;;) {
    if (patience.stop.stop_requested()) {
      return base::make_error(ErrorKind::cancelled, "cancelled while asking for credentials");
    }
    pollfd entry{output.get(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(look_for_a_stop.count())) <= 0) {
      if (Clock::now() >= until) {
        return problem(name, "did not answer in time");
      }
      continue;
    }
    const auto moved = TRY(linux_::read_available(output, buffer));
    if (moved.kind == linux_::Transfer::Kind::ended) {
      return answer;
    }
    answer.append(buffer.data(), moved.kind == linux_::Transfer::Kind::moved ? moved.bytes : 0);
    if (answer.size() > max_answer_bytes) {
      return problem(name, "says more than credentials");
    }
  }
}

}  // namespace

Expected<std::optional<RegistryCredentials>> ask_credential_helper(const std::string& name,
                                                                   std::string_view server,
                                                                   const Patience& patience) {
  const bool is_name =
      !name.empty() && name.size() <= max_name_bytes &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
      });
  if (!is_name) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the registry configuration names a credential helper that is no "
                            "program's name: {}",
                            base::printable(name, max_name_bytes));
  }
  const auto program = find_program("docker-credential-" + name);
  if (!program) {
    return problem(name, "is not in PATH");
  }
  // By a shell, because a helper may be a script, and a script cannot be executed by its handle.
  const linux_::Fd shell = TRY(linux_::open_at2(AT_FDCWD, "/bin/sh", O_PATH | O_CLOEXEC, 0, 0));
  linux_::Pipe input = TRY(linux_::make_pipe());
  linux_::Pipe output = TRY(linux_::make_pipe());
  std::vector<std::string> environment;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  const linux_::Fd null = TRY(linux_::open_null_device());
  linux_::ChildProcess helper =
      TRY(linux_::spawn({.program = &shell,
                         .args = {"sh", "-c", "exec \"$0\" get", *program},
                         .environment = std::move(environment),
                         .files = {&input.read_end, &output.write_end, &null}}));
  input.read_end.reset();
  output.write_end.reset();
  // Less than a pipe holds: never waits.
  TRY(linux_::set_nonblocking(input.write_end));
  TRY(linux_::write_available(input.write_end, std::string(server) + "\n"));
  input.write_end.reset();
  TRY(linux_::set_nonblocking(output.read_end));
  const std::string answer = TRY(read_answer(name, output.read_end, patience));
  pollfd ended{helper.handle().get(), POLLIN, 0};
  ::poll(&ended, 1, static_cast<int>(std::chrono::milliseconds(helper_time).count()));
  const auto ending = TRY(helper.reap());
  if (!ending) {
    return problem(name, "closed its output and does not end");
  }
  if (ending->status != 0) {
    // The protocol's own words for "none".
    if (answer.find("credentials not found") != std::string::npos) {
      return std::optional<RegistryCredentials>();
    }
    return problem(name, "failed");
  }
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_object() || text_in(json, "Secret").empty()) {
    return problem(name, "answered with what is no credentials");
  }
  // docker-credential-helpers: this user says that the secret is an identity token.
  if (text_in(json, "Username") == "<token>") {
    return std::optional(
        RegistryCredentials{.user = {}, .password = {}, .identity_token = text_in(json, "Secret")});
  }
  return std::optional(RegistryCredentials{.user = text_in(json, "Username"),
                                           .password = text_in(json, "Secret"),
                                           .identity_token = {}});
}

}  // namespace omnisandbox::docker
