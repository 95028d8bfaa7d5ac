#include <chrono>
#include <string>

#include "c_api/call.h"
#include "c_api/input.h"
#include "c_api/settings.h"
#include "omnisandbox/policy_file.h"

using namespace omnisandbox;
using c_api::docker_run_options;
using c_api::give;
using c_api::guarded;
using c_api::require;
using c_api::view;

namespace {

/// The `docker:` section of a text that has nothing besides.
Expected<DockerConfig> docker_section(std::string_view text) {
  PolicyFile file = TRY(parse_policy_file(text, "docker"));
  for (const auto& [key, position] : file.positions) {
    if (key != "version" && key != "docker" && !key.starts_with("docker.")) {
      return base::make_error(ErrorKind::invalid_argument,
                              "docker:{}:{}: `{}` is the policy's; here only `docker:` is used, so "
                              "write it there",
                              position.line, position.column, base::printable(key));
    }
  }
  if (!file.docker) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the text for the container has no `docker:` section");
  }
  return *std::move(file.docker);
}

Expected<DockerConfig> docker_config(const omnisandbox_policy_t& policy, std::string_view text) {
  if (!text.empty()) {
    return docker_section(text);
  }
  if (!policy.docker) {
    return base::make_error(ErrorKind::invalid_argument,
                            "no container is configured: the policy has no `docker:` section, and "
                            "`docker` is empty");
  }
  return *policy.docker;
}

/// What both a sandbox and a session do with a command or a script.
template <class Handle, class Run>
omnisandbox_error_t* run(Handle* target, std::string_view target_name, omnisandbox_bytes_t text,
                         std::string_view text_name, omnisandbox_result_t** result, Run work) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"result", result}}));
    *result = nullptr;
    TRY(require({{target_name, target}}));
    const auto what = TRY(view(text, text_name));
    give(result, TRY(work(what)));
    return {};
  });
}

std::vector<std::string> arguments_of(const omnisandbox_input_t* input) {
  return input == nullptr ? std::vector<std::string>() : input->args;
}

/// Both directions: `copy` gets the two paths.
template <class Copy>
omnisandbox_error_t* copy_files(omnisandbox_docker_session_t* session,
                                omnisandbox_bytes_t host_path, omnisandbox_bytes_t container_path,
                                omnisandbox_copied_files_t* copied, Copy copy) {
  return guarded([&]() -> Expected<void> {
    if (copied != nullptr) {
      *copied = {};
    }
    TRY(require({{"session", session}}));
    const auto on_host = TRY(view(host_path, "host_path"));
    const auto inside = TRY(view(container_path, "container_path"));
    const CopiedFiles done = TRY(copy(session->session, on_host, inside));
    if (copied != nullptr) {
      *copied = {.files = done.files,
                 .folders = done.folders,
                 .bytes = done.bytes,
                 .left_out = done.left_out};
    }
    return {};
  });
}

}  // namespace

omnisandbox_error_t* omnisandbox_docker_sandbox_create(const omnisandbox_policy_t* policy,
                                                       omnisandbox_bytes_t docker,
                                                       const omnisandbox_settings_t* settings,
                                                       omnisandbox_docker_sandbox_t** sandbox) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"sandbox", sandbox}}));
    *sandbox = nullptr;
    TRY(require({{"policy", policy}}));
    const auto text = TRY(view(docker, "docker"));
    auto config = TRY(docker_config(*policy, text));
    give(sandbox, TRY(DockerSandbox::create(std::move(config), policy->policy,
                                            c_api::docker_options(settings))));
    return {};
  });
}

void omnisandbox_docker_sandbox_free(omnisandbox_docker_sandbox_t* sandbox) {
  c_api::free_handle(sandbox);
}

omnisandbox_error_t* omnisandbox_docker_sandbox_run(omnisandbox_docker_sandbox_t* sandbox,
                                                    omnisandbox_bytes_t command,
                                                    const omnisandbox_input_t* input,
                                                    omnisandbox_result_t** result) {
  return run(sandbox, "sandbox", command, "command", result, [&](std::string_view name) {
    return sandbox->sandbox.run(name, arguments_of(input), docker_run_options(input));
  });
}

omnisandbox_error_t* omnisandbox_docker_sandbox_run_shell(omnisandbox_docker_sandbox_t* sandbox,
                                                          omnisandbox_bytes_t script,
                                                          const omnisandbox_input_t* input,
                                                          omnisandbox_result_t** result) {
  return run(sandbox, "sandbox", script, "script", result, [&](std::string_view text) {
    return sandbox->sandbox.run_shell(text, docker_run_options(input));
  });
}

omnisandbox_error_t* omnisandbox_docker_sandbox_prepare_image(omnisandbox_docker_sandbox_t* sandbox,
                                                              const omnisandbox_input_t* input,
                                                              omnisandbox_buffer_t** image) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"image", image}}));
    *image = nullptr;
    TRY(require({{"sandbox", sandbox}}));
    give(image, TRY(sandbox->sandbox.prepare_image(c_api::pull_progress_of(input),
                                                   c_api::stop_of(input))));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_docker_session_open(omnisandbox_docker_sandbox_t* sandbox,
                                                     uint64_t time_to_live_ms,
                                                     const omnisandbox_input_t* input,
                                                     omnisandbox_docker_session_t** session) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"session", session}}));
    *session = nullptr;
    TRY(require({{"sandbox", sandbox}}));
    DockerSessionOptions options{.stop = c_api::stop_of(input),
                                 .on_pull = c_api::pull_progress_of(input)};
    if (time_to_live_ms > 0) {
      // What is too long is told by the sandbox; what cannot be counted must not become short.
      constexpr uint64_t too_long_ms = 1000ULL * 60 * 60 * 24 * 365;
      options.time_to_live = std::chrono::milliseconds(std::min(time_to_live_ms, too_long_ms));
    }
    give(session, TRY(sandbox->sandbox.open_session(options)));
    return {};
  });
}

void omnisandbox_docker_session_free(omnisandbox_docker_session_t* session) {
  c_api::free_handle(session);
}

omnisandbox_error_t* omnisandbox_docker_session_run(omnisandbox_docker_session_t* session,
                                                    omnisandbox_bytes_t command,
                                                    const omnisandbox_input_t* input,
                                                    omnisandbox_result_t** result) {
  return run(session, "session", command, "command", result, [&](std::string_view name) {
    return session->session.run(name, arguments_of(input), docker_run_options(input));
  });
}

omnisandbox_error_t* omnisandbox_docker_session_run_shell(omnisandbox_docker_session_t* session,
                                                          omnisandbox_bytes_t script,
                                                          const omnisandbox_input_t* input,
                                                          omnisandbox_result_t** result) {
  return run(session, "session", script, "script", result, [&](std::string_view text) {
    return session->session.run_shell(text, docker_run_options(input));
  });
}

omnisandbox_error_t* omnisandbox_docker_session_copy_in(omnisandbox_docker_session_t* session,
                                                        omnisandbox_bytes_t host_path,
                                                        omnisandbox_bytes_t container_path,
                                                        omnisandbox_copied_files_t* copied) {
  return copy_files(session, host_path, container_path, copied,
                    [](DockerSession& target, std::string_view on_host, std::string_view inside) {
                      return target.copy_in(on_host, inside);
                    });
}

omnisandbox_error_t* omnisandbox_docker_session_copy_out(omnisandbox_docker_session_t* session,
                                                         omnisandbox_bytes_t container_path,
                                                         omnisandbox_bytes_t host_path,
                                                         omnisandbox_copied_files_t* copied) {
  return copy_files(session, host_path, container_path, copied,
                    [](DockerSession& target, std::string_view on_host, std::string_view inside) {
                      return target.copy_out(inside, on_host);
                    });
}

omnisandbox_error_t* omnisandbox_docker_session_close(omnisandbox_docker_session_t* session) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"session", session}}));
    return session->session.close();
  });
}

bool omnisandbox_docker_session_is_open(const omnisandbox_docker_session_t* session) {
  return session->session.is_open();
}
