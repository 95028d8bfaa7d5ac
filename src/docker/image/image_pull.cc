#include "docker/image/image_pull.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "docker/json_access.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;

constexpr std::size_t max_said_bytes = 300;
constexpr unsigned first_failure_status = 300;

std::string text_of(const json& object, std::string_view key) {
  return base::printable(text_in(object, key), max_said_bytes);
}

std::uint64_t number_of(const json& object, std::string_view key) {
  const json& value = member(object, key);
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

Error registry_error(const std::string& said) {
  const auto says = [&said](std::string_view words) {
    return said.find(words) != std::string::npos;
  };
  if (says("denied") || says("unauthorized") || says("no basic auth credentials") ||
      says("authentication required")) {
    return base::make_error(ErrorKind::not_found,
                            "the registry does not show it to the engine: {}; log in with `docker "
                            "login`, or correct the name",
                            said);
  }
  const bool is_missing = says("not found") || says("manifest unknown") || says("does not exist");
  return base::make_error(is_missing ? ErrorKind::not_found : ErrorKind::io,
                          "the registry or the engine said: {}", said);
}

Error about(const ImageReference& reference, const Error& error) {
  Error result = error;
  result.message = fmt::format(
      "cannot fetch the image {}{}: {}", base::printable(reference.name),
      reference.digest.empty() ? ":" + reference.tag : "@" + reference.digest, error.message);
  return result;
}

}  // namespace

Expected<PullProgress> parse_pull_line(std::string_view line) {
  const json body = json::parse(line, nullptr, false);
  if (!body.is_object()) {
    return base::make_error(ErrorKind::io, "the engine reports its progress in no JSON");
  }
  std::string problem = text_of(member(body, "errorDetail"), "message");
  if (problem.empty()) {
    problem = text_of(body, "error");
  }
  if (!problem.empty()) {
    return registry_error(problem);
  }
  const json& detail = member(body, "progressDetail");
  return PullProgress{.layer = text_of(body, "id"),
                      .status = text_of(body, "status"),
                      .current_bytes = number_of(detail, "current"),
                      .total_bytes = number_of(detail, "total")};
}

Expected<void> pull_image(Engine& engine, const ImageReference& reference, const std::string& auth,
                          const std::function<void(const PullProgress&)>& on_progress,
                          const Patience& patience) {
  std::optional<Error> problem;
  const std::string target =
      fmt::format("/images/create?fromImage={}&tag={}", query_text(reference.name),
                  query_text(reference.digest.empty() ? reference.tag : reference.digest));
  const auto answer = engine.call_lines(
      {.method = "POST", .target = target, .registry_auth = auth},
      [&](std::string_view line) {
        auto progress = parse_pull_line(line);
        if (!progress) {
          problem = std::move(progress).error();
          return false;
        }
        if (on_progress) {
          on_progress(*progress);
        }
        return true;
      },
      patience);
  if (!answer) {
    Error error = answer.error();
    if (error.kind == ErrorKind::timeout) {
      error.message += "; docker.pull_timeout gives it longer";
    }
    return about(reference, error);
  }
  if (problem) {
    return about(reference, *problem);
  }
  if (answer->status >= first_failure_status) {
    const json body = json::parse(answer->body, nullptr, false);
    const std::string said = text_of(body, "message");
    return about(reference,
                 registry_error(said.empty() ? fmt::format("status {}", answer->status) : said));
  }
  return {};
}

}  // namespace omnisandbox::docker
