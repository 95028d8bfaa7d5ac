#include "c_api/settings.h"

#include "c_api/call.h"
#include "c_api/locations.h"
#include "runner/confined_commands.h"

namespace omnisandbox::c_api {
namespace {

const omnisandbox_settings& or_defaults(const omnisandbox_settings_t* settings) {
  static const omnisandbox_settings defaults;
  return settings == nullptr ? defaults : *settings;
}

std::string program_or_near(const std::string& chosen, const std::string& name) {
  return chosen.empty() ? program_near_library(name) : chosen;
}

std::string launcher_of(const omnisandbox_settings& settings) {
  return program_or_near(settings.launcher_program, "omnisandbox-launcher");
}

std::string worker_of(const omnisandbox_settings& settings) {
  return program_or_near(settings.worker_program, "omnisandbox-worker");
}

std::shared_ptr<CommandRunner> commands_of(const omnisandbox_settings& settings) {
  return runner::confined_commands(settings.audit, launcher_of(settings));
}

}  // namespace

RuntimeOptions runtime_options(const omnisandbox_settings_t* settings) {
  const auto& chosen = or_defaults(settings);
  return {.isolation = chosen.isolation,
          .audit = chosen.audit,
          .commands = commands_of(chosen),
          .module_cache = chosen.module_cache,
          .worker_program = worker_of(chosen)};
}

InterpreterOptions interpreter_options(const omnisandbox_settings_t* settings) {
  const auto& chosen = or_defaults(settings);
  return {.isolation = chosen.isolation,
          .audit = chosen.audit,
          .commands = commands_of(chosen),
          .folder = chosen.interpreters.empty() ? interpreters_near_library() : chosen.interpreters,
          .worker_program = worker_of(chosen)};
}

ProcessSandboxOptions process_options(const omnisandbox_settings_t* settings) {
  const auto& chosen = or_defaults(settings);
  return {.audit = chosen.audit,
          .launcher = launcher_of(chosen),
          .egress = make_egress_server(chosen.audit)};
}

HostFunctionOptions function_options(const omnisandbox_settings_t* settings) {
  const auto& chosen = or_defaults(settings);
  return {.audit = chosen.audit, .commands = commands_of(chosen)};
}

DockerSandboxOptions docker_options(const omnisandbox_settings_t* settings) {
  const auto& chosen = or_defaults(settings);
  return {
      .audit = chosen.audit,
      .engine = chosen.engine,
      .init_program = program_or_near(chosen.container_init_program, "omnisandbox-container-init"),
      .warm_containers = chosen.warm_containers,
      .registry_config = chosen.registry_config};
}

}  // namespace omnisandbox::c_api

using namespace omnisandbox;
using c_api::guarded;
using c_api::require;

namespace {

omnisandbox_error_t* set_text(omnisandbox_settings_t* settings,
                              std::string omnisandbox_settings::*field, omnisandbox_bytes_t text) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"settings", settings}}));
    settings->*field = TRY(c_api::view(text, "path"));
    return {};
  });
}

}  // namespace

omnisandbox_error_t* omnisandbox_settings_create(omnisandbox_settings_t** settings) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"settings", settings}}));
    *settings = nullptr;
    c_api::give(settings);
    return {};
  });
}

void omnisandbox_settings_free(omnisandbox_settings_t* settings) { c_api::free_handle(settings); }

omnisandbox_error_t* omnisandbox_settings_set_audit(omnisandbox_settings_t* settings,
                                                    const omnisandbox_audit_t* audit) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"settings", settings}}));
    settings->audit = audit == nullptr ? nullptr : audit->sink;
    return {};
  });
}

omnisandbox_error_t* omnisandbox_settings_set_isolation(omnisandbox_settings_t* settings,
                                                        omnisandbox_isolation_t isolation) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"settings", settings}}));
    switch (isolation) {
      case OMNISANDBOX_IN_PROCESS:
        settings->isolation = Isolation::in_process;
        return {};
      case OMNISANDBOX_WORKER:
        settings->isolation = Isolation::worker;
        return {};
    }
    return base::make_error(ErrorKind::invalid_argument, "{} is no isolation",
                            static_cast<int>(isolation));
  });
}

omnisandbox_error_t* omnisandbox_settings_set_module_cache(omnisandbox_settings_t* settings,
                                                           omnisandbox_bytes_t folder) {
  return set_text(settings, &omnisandbox_settings::module_cache, folder);
}

omnisandbox_error_t* omnisandbox_settings_set_worker_program(omnisandbox_settings_t* settings,
                                                             omnisandbox_bytes_t path) {
  return set_text(settings, &omnisandbox_settings::worker_program, path);
}

omnisandbox_error_t* omnisandbox_settings_set_launcher_program(omnisandbox_settings_t* settings,
                                                               omnisandbox_bytes_t path) {
  return set_text(settings, &omnisandbox_settings::launcher_program, path);
}

omnisandbox_error_t* omnisandbox_settings_set_interpreters(omnisandbox_settings_t* settings,
                                                           omnisandbox_bytes_t folder) {
  return set_text(settings, &omnisandbox_settings::interpreters, folder);
}

omnisandbox_error_t* omnisandbox_settings_set_container_init_program(
    omnisandbox_settings_t* settings, omnisandbox_bytes_t path) {
  return set_text(settings, &omnisandbox_settings::container_init_program, path);
}

omnisandbox_error_t* omnisandbox_settings_set_engine(omnisandbox_settings_t* settings,
                                                     omnisandbox_bytes_t address) {
  return set_text(settings, &omnisandbox_settings::engine, address);
}

omnisandbox_error_t* omnisandbox_settings_set_registry_config(omnisandbox_settings_t* settings,
                                                              omnisandbox_bytes_t path) {
  return set_text(settings, &omnisandbox_settings::registry_config, path);
}

omnisandbox_error_t* omnisandbox_settings_set_warm_containers(omnisandbox_settings_t* settings,
                                                              size_t count) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"settings", settings}}));
    settings->warm_containers = count;
    return {};
  });
}
