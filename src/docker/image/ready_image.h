#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "docker/engine/engine.h"
#include "omnisandbox/docker_config.h"
#include "omnisandbox/docker_sandbox.h"

namespace omnisandbox::docker {

struct ImageRequest {
  const DockerConfig& docker;
  std::string registry_config{};  ///< file with credentials; empty: the usual one
  std::function<void(const PullProgress&)> on_progress{};
  /// Called before the engine fetches or loads it; an error ends it.
  std::function<Expected<void>(std::string_view operation)> before_fetching{};
};

struct ReadyImage {
  ImageFacts facts;
  bool was_fetched = false;  ///< from a registry or a file, which may have taken long
};

/// The image that a container is made of; fetched or loaded before, where it is not there and the
/// configuration lets it. `patience` is for the engine's answer about an image that is there;
/// fetching has docker.pull_timeout. Errors: `not_found`; `unavailable` where another image came
/// than the digest names.
Expected<ReadyImage> ready_image(Engine& engine, const ImageRequest& request,
                                 const Patience& patience);

}  // namespace omnisandbox::docker
