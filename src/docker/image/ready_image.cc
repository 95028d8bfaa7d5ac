#include "docker/image/ready_image.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "docker/image/image_pull.h"
#include "docker/image/image_reference.h"
#include "docker/image/local_image.h"
#include "docker/image/registry_credentials.h"

namespace omnisandbox::docker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned first_failure_status = 300;

Patience patience_for_fetching(const ImageRequest& request, const Patience& patience) {
  return {.until = Clock::now() + request.docker.pull_timeout, .stop = patience.stop};
}

Expected<void> announce(const ImageRequest& request, std::string_view operation) {
  return request.before_fetching ? request.before_fetching(operation) : Expected<void>();
}

Expected<ReadyImage> load(Engine& engine, const ImageRequest& request, const LocalImageName& name,
                          const Patience& patience) {
  const auto image = TRY(open_local_image(name));
  auto known = engine.image(image->id(), patience);
  if (known || known.error().kind != ErrorKind::not_found) {
    return ReadyImage{.facts = TRY(std::move(known)), .was_fetched = false};
  }
  TRY(announce(request, "container.load"));
  const Patience loading = patience_for_fetching(request, patience);
  const EngineAnswer answer = TRY(engine.upload(
      {.method = "POST", .target = "/images/load?quiet=1", .content_type = "application/x-tar"},
      [&](const EngineConnection::Sink& sink) { return image->write(sink); }, loading));
  if (answer.status >= first_failure_status) {
    return engine_refusal(answer, "load the image " + base::printable(request.docker.image));
  }
  auto loaded = engine.image(image->id(), loading);
  if (!loaded && loaded.error().kind == ErrorKind::not_found) {
    // It reports what is wrong with a layer within an answer of success.
    return base::make_error(
        ErrorKind::invalid_argument, "the engine took {} and has no image {} now: {}",
        base::printable(request.docker.image), image->id(), base::printable(answer.body, 300));
  }
  return ReadyImage{.facts = TRY(std::move(loaded)), .was_fetched = true};
}

Expected<void> pull(Engine& engine, const ImageRequest& request, const Patience& patience) {
  const ImageReference reference = TRY(parse_image_reference(request.docker.image));
  TRY(announce(request, "container.pull"));
  const std::string auth =
      TRY(registry_auth(request.registry_config, reference.registry, patience));
  return pull_image(engine, reference, auth, request.on_progress, patience);
}

/// An engine that has another image under a digest's name is not believed.
Expected<void> check_digest(const ImageFacts& facts, const std::string& name) {
  const std::size_t at = name.find('@');
  if (at == std::string::npos) {
    return {};
  }
  const std::string digest = name.substr(at);
  const auto& digests = facts.digests;
  if (std::none_of(digests.begin(), digests.end(),
                   [&digest](const std::string& each) { return each.ends_with(digest); })) {
    return base::make_error(ErrorKind::unavailable,
                            "the engine has another image under the name {}; it was not used",
                            base::printable(name));
  }
  return {};
}

}  // namespace

Expected<ReadyImage> ready_image(Engine& engine, const ImageRequest& request,
                                 const Patience& patience) {
  const DockerConfig& docker = request.docker;
  if (const auto local = TRY(parse_local_image(docker.image))) {
    return load(engine, request, *local, patience);
  }
  ReadyImage ready;
  if (docker.pull != PullPolicy::always) {
    auto known = engine.image(docker.image, patience);
    if (known) {
      TRY(check_digest(*known, docker.image));
      return ReadyImage{.facts = *std::move(known), .was_fetched = false};
    }
    if (known.error().kind != ErrorKind::not_found) {
      return std::move(known).error();
    }
    if (docker.pull == PullPolicy::never) {
      Error error = std::move(known).error();
      error.message += "; pull it, or let it be pulled: docker.pull: missing in the policy file";
      return error;
    }
  }
  const Patience fetching = patience_for_fetching(request, patience);
  TRY(pull(engine, request, fetching));
  ready.facts = TRY(engine.image(docker.image, fetching));
  TRY(check_digest(ready.facts, docker.image));
  ready.was_fetched = true;
  return ready;
}

}  // namespace omnisandbox::docker
