#pragma once

#include <functional>
#include <string>

#include "docker/engine/engine.h"
#include "docker/image/image_reference.h"
#include "omnisandbox/docker_sandbox.h"

namespace omnisandbox::docker {

/// Lets the engine fetch an image. `auth`: the value of X-Registry-Auth, or empty. Errors:
/// `not_found` where the registry has none by that name, or does not show it;
/// `io` with what the registry said.
Expected<void> pull_image(Engine& engine, const ImageReference& reference, const std::string& auth,
                          const std::function<void(const PullProgress&)>& on_progress,
                          const Patience& patience);

/// One line of an engine's progress report: what it tells, or the error that ends the pull.
Expected<PullProgress> parse_pull_line(std::string_view line);

}  // namespace omnisandbox::docker
