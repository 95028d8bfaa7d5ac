#include "docker/engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "docker/engine/engine_address.h"
#include "docker/json_access.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;

constexpr std::size_t max_idle_connections = 8;
constexpr std::size_t max_reported_bytes = 500;
constexpr unsigned first_failure_status = 300;
constexpr unsigned status_not_modified = 304;
constexpr unsigned status_not_found = 404;
constexpr unsigned status_conflict = 409;
// Docker's engine finishes a removal also when nobody waits for its answer. Others may not.
constexpr std::string_view finishing_server = "Docker/";
// Of Podman's own API; later versions of Podman answer to it as well.
constexpr std::string_view podman_prefix = "/libpod/";
constexpr std::string_view podman_api = "/v4.0.0";
constexpr unsigned oldest_podman = 4;
constexpr std::chrono::milliseconds podman_pause{50};

EngineRequest removal_of(const std::string& id) {
  return {.method = "DELETE", .target = "/containers/" + id + "?force=1&v=1"};
}

}  // namespace

std::optional<ApiVersion> parse_api_version(std::string_view text) {
  ApiVersion version;
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') {
    return std::nullopt;
  }
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  if (minor.ec != std::errc() || minor.ptr != end) {
    return std::nullopt;
  }
  return version;
}

Error engine_refusal(const EngineAnswer& answer, std::string_view purpose) {
  const json body = json::parse(answer.body, nullptr, false);
  std::string said = text_in(body, "message");
  if (said.empty()) {
    said = answer.body;
  }
  const bool is_disk_full = said.find("no space left on device") != std::string::npos;
  return base::make_error(
      answer.status == status_not_found ? ErrorKind::not_found : ErrorKind::io,
      "the engine could not {} (status {}): {}{}", purpose, answer.status,
      base::printable(said, max_reported_bytes),
      is_disk_full ? "; its disk is full: free space where it keeps images and containers" : "");
}

std::string query_text(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_' ||
        c == '~') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

Expected<std::shared_ptr<Engine>> Engine::find(const std::string& address,
                                               const Patience& patience) {
  std::string problems;
  const auto addresses = address.empty() ? engine_addresses() : std::vector<std::string>{address};
  for (const std::string& candidate : addresses) {
    auto path = socket_path_of(candidate);
    if (!path) {
      return std::move(path).error();
    }
    std::shared_ptr<Engine> engine(new Engine(candidate, *std::move(path)));
    auto greeted = engine->greet(patience);
    if (greeted) {
      return engine;
    }
    if (greeted.error().kind == ErrorKind::cancelled) {
      return std::move(greeted).error();
    }
    problems += (problems.empty() ? "" : "; ") + greeted.error().message;
  }
  return base::make_error(ErrorKind::unavailable, "{}", problems);
}

Expected<void> Engine::greet(const Patience& patience) {
  auto connection = TRY(EngineConnection::open(socket_path_, patience));
  const EngineAnswer answer =
      TRY(connection->exchange({.target = "/_ping"}, max_engine_json_bytes, patience));
  if (answer.status >= first_failure_status) {
    return base::make_error(ErrorKind::unavailable, "{} answered with status {}",
                            base::printable(address_), answer.status);
  }
  const auto newest = parse_api_version(answer.api_version);
  if (!newest) {
    return base::make_error(ErrorKind::unavailable,
                            "{} is no container engine: it does not say its Api-Version",
                            base::printable(address_));
  }
  if (*newest < oldest_api) {
    return base::make_error(ErrorKind::unavailable,
                            "the engine at {} speaks version {}.{} of its API, and {}.{} is needed "
                            "(Docker 20.10 or later)",
                            base::printable(address_), newest->major, newest->minor,
                            oldest_api.major, oldest_api.minor);
  }
  unsigned podman_major = 0;
  podman_ = answer.podman;
  if (!podman_.empty() &&
      (std::from_chars(podman_.data(), podman_.data() + podman_.size(), podman_major).ec !=
           std::errc() ||
       podman_major < oldest_podman)) {
    return base::make_error(ErrorKind::unavailable,
                            "the engine at {} is Podman {}, and {}.0 or later is needed",
                            base::printable(address_), base::printable(podman_, 40), oldest_podman);
  }
  api_ = std::min(*newest, newest_api);
  finishes_requests_ = answer.server.starts_with(finishing_server);
  give_back(std::move(connection));
  return {};
}

std::string Engine::versioned(std::string_view target) const {
  if (target.starts_with(podman_prefix)) {
    return fmt::format("{}{}", podman_api, target);
  }
  return fmt::format("/v{}.{}{}", api_.major, api_.minor, target);
}

Expected<std::unique_ptr<EngineConnection>> Engine::connection(const Patience& patience) {
  {
    const std::lock_guard lock(mutex_);
    while (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      if (connection->is_usable()) {
        return connection;
      }
    }
  }
  return EngineConnection::open(socket_path_, patience);
}

void Engine::give_back(std::unique_ptr<EngineConnection> connection) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < max_idle_connections && connection->is_usable()) {
    idle_.push_back(std::move(connection));
  }
}

Expected<EngineAnswer> Engine::call(EngineRequest request, const Patience& patience) {
  request.target = versioned(request.target);
  auto used = TRY(connection(patience));
  EngineAnswer answer = TRY(used->exchange(request, max_engine_json_bytes, patience));
  give_back(std::move(used));
  return answer;
}

Expected<EngineAnswer> Engine::call_lines(EngineRequest request,
                                          const std::function<bool(std::string_view)>& take_line,
                                          const Patience& patience) {
  request.target = versioned(request.target);
  auto used = TRY(connection(patience));
  EngineAnswer answer = TRY(used->exchange_lines(request, take_line, patience));
  give_back(std::move(used));
  return answer;
}

Expected<EngineAnswer> Engine::upload(
    EngineRequest request,
    const std::function<Expected<void>(const EngineConnection::Sink&)>& produce,
    const Patience& patience) {
  request.target = versioned(request.target);
  auto used = TRY(EngineConnection::open(socket_path_, patience));
  return used->exchange_upload(request, produce, patience);
}

Expected<json> Engine::call_json(EngineRequest request, const Patience& patience,
                                 std::string_view purpose) {
  const EngineAnswer answer = TRY(call(std::move(request), patience));
  if (answer.status >= first_failure_status) {
    return engine_refusal(answer, purpose);
  }
  json body = json::parse(answer.body, nullptr, false);
  if (body.is_discarded()) {
    return base::make_error(ErrorKind::io,
                            "the engine answered with what is no JSON, when asked to {}", purpose);
  }
  return body;
}

Expected<ImageFacts> Engine::image(const std::string& name, const Patience& patience) {
  const json body = TRY(call_json({.target = "/images/" + query_text(name) + "/json"}, patience,
                                  fmt::format("find the image {}", base::printable(name))));
  ImageFacts facts{.id = text_in(body, "Id"), .digests = {}, .volumes = {}, .working_dir = {}};
  if (!facts.id.starts_with("sha256:")) {
    return base::make_error(ErrorKind::io, "the engine gives no id for the image {}",
                            base::printable(name));
  }
  for (const json& digest : member(body, "RepoDigests")) {
    if (digest.is_string()) {
      facts.digests.push_back(digest.get<std::string>());
    }
  }
  const json& config = member(body, "Config");
  for (const auto& [path, ignored] : member(config, "Volumes").items()) {
    facts.volumes.push_back(path);
  }
  facts.working_dir = text_in(config, "WorkingDir");
  return facts;
}

Expected<std::string> Engine::create_container(const std::string& name, const json& body,
                                               const Patience& patience) {
  const bool is_podman = kind() == EngineKind::podman;
  const json answer = TRY(call_json(
      {.method = "POST",
       .target = (is_podman ? "/libpod/containers/create?name=" : "/containers/create?name=") +
                 query_text(name),
       .body = body.dump(-1, ' ', false, json::error_handler_t::replace)},
      patience, "create the container"));
  std::string id = text_in(answer, "Id");
  const bool is_hexadecimal = std::all_of(id.begin(), id.end(), [](char c) {
    return std::isxdigit(static_cast<unsigned char>(c)) != 0;
  });
  if (id.empty() || !is_hexadecimal) {
    return base::make_error(ErrorKind::io, "the engine created a container and gave no id");
  }
  return id;
}

Expected<json> Engine::inspect(const std::string& id, const Patience& patience) {
  const std::string_view prefix = kind() == EngineKind::podman ? podman_prefix : "/";
  return call_json({.target = fmt::format("{}containers/{}/json", prefix, id)}, patience,
                   "inspect the container");
}

Expected<ContainerState> Engine::state(const std::string& id, const Patience& patience) {
  const json body = TRY(inspect(id, patience));
  const json& state = member(body, "State");
  if (!state.is_object()) {
    return base::make_error(ErrorKind::io, "the engine does not say how the container is");
  }
  ContainerState facts;
  const auto flag = [&state](const char* key) {
    const json& value = member(state, key);
    return value.is_boolean() && value.get<bool>();
  };
  facts.is_running = flag("Running");
  facts.ran_out_of_memory = flag("OOMKilled");
  const json& code = member(state, "ExitCode");
  facts.exit_code = code.is_number_integer() ? code.get<int>() : 0;
  facts.error = text_in(state, "Error");
  return facts;
}

Expected<RawStream> Engine::attach(const std::string& id, const Patience& patience) {
  auto connection = TRY(EngineConnection::open(socket_path_, patience));
  // Podman looks for the keys that detach a terminal in every input, unless there are none.
  const std::string_view keys = kind() == EngineKind::podman ? "&detachKeys=" : "";
  return connection->upgrade(
      {.method = "POST",
       .target = versioned(
           fmt::format("/containers/{}/attach?stream=1&stdin=1&stdout=1&stderr=1{}", id, keys))},
      patience);
}

Expected<void> Engine::start(const std::string& id, const Patience& patience) {
  const EngineAnswer answer =
      TRY(call({.method = "POST", .target = "/containers/" + id + "/start"}, patience));
  if (answer.status >= first_failure_status && answer.status != status_not_modified) {
    return engine_refusal(answer, "start the container");
  }
  return {};
}

Expected<void> Engine::send_signal(const std::string& id, std::string_view signal,
                                   const Patience& patience) {
  const EngineAnswer answer =
      TRY(call({.method = "POST",
                .target = fmt::format("/containers/{}/kill?signal={}", id, query_text(signal))},
               patience));
  // One that has ended meanwhile is a conflict.
  if (answer.status >= first_failure_status && answer.status != status_conflict) {
    return engine_refusal(answer, "send a signal to the container");
  }
  return {};
}

Expected<int> Engine::wait(const std::string& id, const Patience& patience) {
  const json body = TRY(call_json({.method = "POST", .target = "/containers/" + id + "/wait"},
                                  patience, "wait for the container"));
  const json& code = member(body, "StatusCode");
  if (!code.is_number_integer()) {
    return base::make_error(ErrorKind::io, "the engine does not say how the container ended");
  }
  return code.get<int>();
}

Expected<void> Engine::remove(const std::string& id, const Patience& patience) {
  for (;;) {
    const EngineAnswer answer = TRY(call(removal_of(id), patience));
    if (answer.status < first_failure_status || answer.status == status_not_found) {
      return {};
    }
    if (kind() != EngineKind::podman) {
      // A conflict: somebody else is removing it already.
      return answer.status == status_conflict
                 ? Expected<void>()
                 : Expected<void>(engine_refusal(answer, "remove the container"));
    }
    // Podman refuses while a container ends by itself (its "state improper"), and leaves it there.
    if (std::chrono::steady_clock::now() + podman_pause >= patience.until ||
        patience.stop.stop_requested()) {
      return engine_refusal(answer, "remove the container");
    }
    std::this_thread::sleep_for(podman_pause);
  }
}

bool Engine::request_removal(const std::string& id, const Patience& patience) {
  if (!finishes_requests_) {
    return false;
  }
  EngineRequest request = removal_of(id);
  request.target = versioned(request.target);
  auto used = connection(patience);
  return used && (*used)->send_only(request, patience);
}

Expected<bool> Engine::had_memory_event(const std::string& id, std::int64_t since_s,
                                        const Patience& patience) {
  const json filters = {{"container", {id}}, {"event", {"oom"}}};
  bool found = false;
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const EngineAnswer answer = TRY(call_lines(
      {.target = fmt::format("/events?since={}&until={}&filters={}", since_s, now.count(),
                             query_text(filters.dump()))},
      [&found](std::string_view line) {
        found = found || line.find("\"oom\"") != std::string_view::npos;
        return !found;
      },
      patience));
  if (answer.status >= first_failure_status) {
    return engine_refusal(answer, "list events");
  }
  return found;
}

Expected<std::vector<Engine::Listed>> Engine::list_labelled(std::string_view label,
                                                            const Patience& patience) {
  const json filters = {{"label", {label}}};
  const json body =
      TRY(call_json({.target = "/containers/json?all=1&filters=" + query_text(filters.dump())},
                    patience, "list containers"));
  std::vector<Listed> listed;
  for (const json& entry : body) {
    if (!entry.is_object()) {
      continue;
    }
    Listed container{.id = text_in(entry, "Id"), .labels = {}};
    for (const auto& [key, value] : member(entry, "Labels").items()) {
      if (value.is_string()) {
        container.labels.emplace(key, value.get<std::string>());
      }
    }
    listed.push_back(std::move(container));
  }
  return listed;
}

}  // namespace omnisandbox::docker
