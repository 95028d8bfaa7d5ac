#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "arguments.h"
#include "callbacks.h"
#include "interrupts.h"
#include "omnisandbox/docker_sandbox.h"
#include "omnisandbox/docker_session.h"
#include "omnisandbox/policy_file.h"
#include "results.h"

namespace omnisandbox::python {
namespace {

using Copies = std::vector<std::pair<std::string, std::string>>;  // from, to
using DockerHandle = OwnedByProcess<DockerSandbox>;
using Audit = std::shared_ptr<AuditSink>;  // shared by every sandbox that writes to it

nb::tuple progress_tuple(const PullProgress& progress) {
  return nb::make_tuple(text_of(progress.layer), text_of(progress.status), progress.current_bytes,
                        progress.total_bytes);
}

std::function<void(const PullProgress&)> progress_to(RunCallback& callback) {
  if (!callback.is_set()) {
    return {};
  }
  return [&callback](const PullProgress& progress) {
    callback.call([&progress] { return progress_tuple(progress); });
  };
}

/// What Python gives for one command.
struct Command {
  std::string_view command;
  Arguments args;
  DockerRunOptions options;
  nb::object on_stdout;
  nb::object on_stderr;
  nb::object on_pull;
};

Command command_of(std::string_view command, Arguments args, const nb::bytes& stdin_data,
                   Environment environment, std::string working_dir, Seconds timeout,
                   nb::object on_stdout, nb::object on_stderr, double stop_grace,
                   const Copies& copy_in, const Copies& copy_out, nb::object on_pull) {
  Command made{.command = command,
               .args = std::move(args),
               .options = {.stdin_data = std::string(view_of(stdin_data)),
                           .environment = std::move(environment),
                           .working_dir = std::move(working_dir),
                           .timeout = milliseconds(timeout)},
               .on_stdout = std::move(on_stdout),
               .on_stderr = std::move(on_stderr),
               .on_pull = std::move(on_pull)};
  made.options.stop_grace =
      stop_grace > 0 ? *milliseconds(stop_grace) : std::chrono::milliseconds();
  for (const auto& [from, to] : copy_in) {
    made.options.copy_in.push_back({.host_path = from, .container_path = to});
  }
  for (const auto& [from, to] : copy_out) {
    made.options.copy_out.push_back({.host_path = to, .container_path = from});
  }
  return made;
}

/// Runs it in a sandbox or a session.
template <class Target>
RunResult run_in(Target& target, Command command, const Cancellation* cancellation) {
  std::stop_source source;
  RunCallback out(std::move(command.on_stdout), &source);
  RunCallback err(std::move(command.on_stderr), &source);
  RunCallback pull(std::move(command.on_pull), &source);
  const CancellationLink link(cancellation, source);
  command.options.on_stdout = output_to(out);
  command.options.on_stderr = output_to(err);
  command.options.on_pull = progress_to(pull);
  command.options.stop = source.get_token();
  auto result = run_interruptibly(source, [&] {
    return target.run(command.command, std::move(command.args), std::move(command.options));
  });
  for (RunCallback* callback : {&out, &err, &pull}) {
    callback->rethrow();
  }
  return {unwrap(std::move(result))};
}

/// A session with what stops it: its cancellation, and an interrupt while it is opened or copies.
class ContainerSession {
 public:
  ContainerSession(DockerSession session, const std::stop_source& source,
                   const Cancellation* cancellation)
      : parts_(Parts{.session = std::move(session),
                     .source = source,
                     .link = std::make_unique<CancellationLink>(cancellation, source)},
               "DockerSession") {}

  RunResult run(Command command, const Cancellation* cancellation) {
    const InUse use(*this);
    return run_in(parts_.get().session, std::move(command), cancellation);
  }

  template <class Copy>
  nb::tuple copy(const Cancellation* cancellation, Copy work) {
    const InUse use(*this);
    const Parts& parts = parts_.get();
    std::stop_source source = parts.source;
    const CancellationLink link(cancellation, source);
    const CopiedFiles done = unwrap(run_interruptibly(source, [&] { return work(parts.session); }));
    return nb::make_tuple(done.files, done.folders, done.bytes, done.left_out);
  }

  void close() {
    DockerSession& session = parts_.get().session;
    const nb::gil_scoped_release released;
    unwrap(session.close());
  }

  bool is_open() const { return parts_.get().session.is_open(); }

 private:
  struct Parts {
    mutable DockerSession session;
    std::stop_source source;
    std::unique_ptr<CancellationLink> link;
  };

  /// A callback of a run that used its own session would wait for itself for ever.
  class InUse {
   public:
    explicit InUse(const ContainerSession& session) : session_(&session), before_(innermost) {
      for (const InUse* use = before_; use != nullptr; use = use->before_) {
        if (use->session_ == session_) {
          throw Failure{Error{.kind = ErrorKind::unavailable,
                              .message = "the session waits for this very callback; a session runs "
                                         "one command at a time",
                              .resource = {}}};
        }
      }
      innermost = this;
    }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;
    ~InUse() { innermost = before_; }

   private:
    static thread_local const InUse* innermost;
    const ContainerSession* session_;
    const InUse* before_;
  };

  OwnedByProcess<Parts> parts_;
};

thread_local const ContainerSession::InUse* ContainerSession::InUse::innermost = nullptr;

void make_sandbox(DockerHandle* place, const Policy& policy, std::string_view docker, Audit audit,
                  std::string engine, std::string init_program, std::size_t warm_containers,
                  std::string registry_config) {
  const nb::gil_scoped_release released;
  auto config = unwrap(parse_policy_file(docker, "DockerConfig")).docker;
  new (place)
      DockerHandle(unwrap(DockerSandbox::create(std::move(config).value_or(DockerConfig()), policy,
                                                {.audit = std::move(audit),
                                                 .engine = std::move(engine),
                                                 .init_program = std::move(init_program),
                                                 .warm_containers = warm_containers,
                                                 .registry_config = std::move(registry_config)})),
                   "DockerSandbox");
}

std::string prepare_image(const DockerHandle& sandbox, nb::object on_pull,
                          const Cancellation* cancellation) {
  DockerSandbox& target = sandbox.get();
  std::stop_source source;
  RunCallback pull(std::move(on_pull), &source);
  const CancellationLink link(cancellation, source);
  auto image = run_interruptibly(
      source, [&] { return target.prepare_image(progress_to(pull), source.get_token()); });
  pull.rethrow();
  return unwrap(std::move(image));
}

ContainerSession open_session(const DockerHandle& sandbox, Seconds time_to_live, nb::object on_pull,
                              const Cancellation* cancellation) {
  DockerSandbox& target = sandbox.get();
  std::stop_source source;
  RunCallback pull(std::move(on_pull), &source);
  DockerSessionOptions options{.stop = source.get_token(), .on_pull = progress_to(pull)};
  if (time_to_live) {
    options.time_to_live = *milliseconds(time_to_live);
  }
  const CancellationLink link(cancellation, source);
  auto session = run_interruptibly(source, [&] { return target.open_session(options); });
  pull.rethrow();
  return ContainerSession(unwrap(std::move(session)), source, cancellation);
}

nb::list list_of(const std::vector<std::string>& texts) {
  nb::list list;
  for (const std::string& text : texts) {
    list.append(text_of(text));
  }
  return list;
}

/// The `docker:` section with every key; None where there is none.
nb::object docker_dict(const PolicyFile& file) {
  if (!file.docker) {
    return nb::none();
  }
  const DockerConfig& docker = *file.docker;
  nb::dict dict;
  dict["image"] = text_of(docker.image);
  dict["network_mode"] = text_of(to_string(docker.network_mode));
  dict["cap_drop"] = list_of(docker.cap_drop);
  dict["cap_add"] = list_of(docker.cap_add);
  nb::list mounts;
  for (const DockerMount& mount : docker.mounts) {
    nb::dict entry;
    entry["host_path"] = text_of(mount.host_path);
    entry["container_path"] = text_of(mount.container_path);
    entry["read_only"] = mount.read_only;
    mounts.append(entry);
  }
  dict["mounts"] = mounts;
  dict["read_only_rootfs"] = docker.read_only_rootfs;
  dict["no_new_privileges"] = docker.no_new_privileges;
  dict["memory_limit"] =
      docker.memory_limit ? nb::object(nb::int_(*docker.memory_limit)) : nb::object(nb::none());
  dict["cpu_quota"] = docker.cpu_quota;
  dict["pids_limit"] = docker.pids_limit;
  nb::dict env;
  for (const auto& [name, value] : docker.env) {
    env[text_of(name)] = text_of(value);
  }
  dict["env"] = env;
  dict["user"] = text_of(docker.user);
  dict["security_opt"] = list_of(docker.security_opt);
  dict["runtime"] = text_of(docker.runtime);
  dict["pull"] = text_of(to_string(docker.pull));
  dict["pull_timeout"] = std::chrono::duration<double>(docker.pull_timeout).count();
  return dict;
}

/// Binds `run` of a sandbox or a session: `call` gets the target, the Command and the cancellation.
template <class Class, class Call>
void bind_run(Class& bound, Call call) {
  using Target = typename Class::Type;
  bound.def(
      "run",
      [call](Target& target, std::string_view command, Arguments args, const nb::bytes& stdin_data,
             Environment environment, std::string working_dir, Seconds timeout,
             nb::object on_stdout, nb::object on_stderr, double stop_grace, const Copies& copy_in,
             const Copies& copy_out, nb::object on_pull, const Cancellation* cancellation) {
        return call(
            target,
            command_of(command, std::move(args), stdin_data, std::move(environment),
                       std::move(working_dir), timeout, std::move(on_stdout), std::move(on_stderr),
                       stop_grace, copy_in, copy_out, std::move(on_pull)),
            cancellation);
      },
      nb::arg("command"), nb::arg("args"), nb::arg("stdin"), nb::arg("environment"),
      nb::arg("working_dir"), nb::arg("timeout").none(), nb::arg("on_stdout").none(),
      nb::arg("on_stderr").none(), nb::arg("stop_grace"), nb::arg("copy_in"), nb::arg("copy_out"),
      nb::arg("on_pull").none(), nb::arg("cancellation").none());
}

}  // namespace

void bind_docker(nb::module_& module) {
  nb::class_<DockerHandle> sandbox(module, "DockerSandbox");
  sandbox
      .def("__init__", &make_sandbox, nb::arg("policy"), nb::arg("docker"), nb::arg("audit").none(),
           nb::arg("engine"), nb::arg("init_program"), nb::arg("warm_containers"),
           nb::arg("registry_config"))
      .def("prepare_image", &prepare_image, nb::arg("on_pull").none(),
           nb::arg("cancellation").none())
      .def("open_session", &open_session, nb::arg("time_to_live").none(), nb::arg("on_pull").none(),
           nb::arg("cancellation").none());
  bind_run(sandbox, [](DockerHandle& target, Command command, const Cancellation* cancellation) {
    return run_in(target.get(), std::move(command), cancellation);
  });
  nb::class_<ContainerSession> session(module, "DockerSession");
  session
      .def(
          "copy_in",
          [](ContainerSession& target, std::string_view host_path, std::string_view container_path,
             const Cancellation* cancellation) {
            return target.copy(cancellation, [&](DockerSession& inner) {
              return inner.copy_in(host_path, container_path);
            });
          },
          nb::arg("host_path"), nb::arg("container_path"), nb::arg("cancellation").none())
      .def(
          "copy_out",
          [](ContainerSession& target, std::string_view container_path, std::string_view host_path,
             const Cancellation* cancellation) {
            return target.copy(cancellation, [&](DockerSession& inner) {
              return inner.copy_out(container_path, host_path);
            });
          },
          nb::arg("container_path"), nb::arg("host_path"), nb::arg("cancellation").none())
      .def("close", &ContainerSession::close)
      .def_prop_ro("is_open", &ContainerSession::is_open);
  bind_run(session,
           [](ContainerSession& target, Command command, const Cancellation* cancellation) {
             return target.run(std::move(command), cancellation);
           });
  module.def("parse_docker_config", [](std::string_view text, std::string_view name) {
    return docker_dict(unwrap(parse_policy_file(text, name)));
  });
  module.def("load_docker_config",
             [](const std::string& path) { return docker_dict(unwrap(load_policy_file(path))); });
}

}  // namespace omnisandbox::python
