#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "arguments.h"
#include "callbacks.h"
#include "interrupts.h"
#include "omnisandbox/interpreter.h"
#include "omnisandbox/module_exports.h"
#include "omnisandbox/process_sandbox.h"
#include "omnisandbox/runtime.h"
#include "omnisandbox/version.h"
#include "results.h"
#include "runner/confined_commands.h"

namespace omnisandbox::python {
namespace {

using Audit = std::shared_ptr<AuditSink>;  // shared by every sandbox that writes to it
using RuntimeHandle = OwnedByProcess<Runtime>;
using ExportsHandle = OwnedByProcess<ModuleExports>;
using InterpreterHandle = OwnedByProcess<Interpreter>;
using ProcessHandle = OwnedByProcess<ProcessSandbox>;

std::span<const std::byte> module_bytes(const nb::bytes& module) {
  return std::as_bytes(std::span(module.c_str(), module.size()));
}

RunOptions run_options(Arguments args, const nb::bytes& stdin_data, Environment environment,
                       Seconds timeout) {
  return {.args = std::move(args),
          .stdin_data = std::string(view_of(stdin_data)),
          .environment = std::move(environment),
          .timeout = milliseconds(timeout)};
}

EvaluateOptions evaluate_options(Arguments args, const nb::bytes& stdin_data,
                                 Environment environment, std::string name, Seconds timeout) {
  return {.args = std::move(args),
          .stdin_data = std::string(view_of(stdin_data)),
          .environment = std::move(environment),
          .name = std::move(name),
          .timeout = milliseconds(timeout)};
}

RunResult result_of(Evaluation evaluation) {
  return {std::move(evaluation.result), std::move(evaluation.value), evaluation.value_truncated};
}

// ---- Modules ----

Isolation isolation_of(bool worker) { return worker ? Isolation::worker : Isolation::in_process; }

RuntimeOptions runtime_options(Audit audit, bool worker, std::string cache, std::string program,
                               std::string launcher) {
  auto commands = runner::confined_commands(audit, std::move(launcher));
  return {.isolation = isolation_of(worker),
          .audit = std::move(audit),
          .commands = std::move(commands),
          .module_cache = std::move(cache),
          .worker_program = std::move(program)};
}

void make_runtime(RuntimeHandle* place, const Policy& policy, Audit audit, bool worker,
                  std::string cache, std::string program, std::string launcher) {
  const nb::gil_scoped_release released;
  new (place) RuntimeHandle(
      unwrap(Runtime::create(policy, runtime_options(std::move(audit), worker, std::move(cache),
                                                     std::move(program), std::move(launcher)))),
      "Runtime");
}

void compile(const RuntimeHandle& runtime, std::string name, const nb::bytes& module) {
  const nb::gil_scoped_release released;
  unwrap(runtime.get().compile(std::move(name), module_bytes(module)));
}

nb::bytes precompile(const RuntimeHandle& runtime, const nb::bytes& module) {
  std::vector<std::byte> compiled;
  {
    const nb::gil_scoped_release released;
    compiled = unwrap(runtime.get().precompile(module_bytes(module)));
  }
  return nb::bytes(compiled.data(), compiled.size());
}

RunResult execute(const RuntimeHandle& runtime, std::string_view name, Arguments args,
                  const nb::bytes& stdin_data, Environment environment, Seconds timeout,
                  const Cancellation* cancellation) {
  Runtime& target = runtime.get();
  auto options = run_options(std::move(args), stdin_data, std::move(environment), timeout);
  return {unwrap(run_interruptibly(cancellation, [&](std::stop_source& source) {
    options.stop = source.get_token();
    return target.execute(name, std::move(options));
  }))};
}

RunResult run_module(const RuntimeHandle& runtime, const nb::bytes& module, Arguments args,
                     const nb::bytes& stdin_data, Environment environment, Seconds timeout,
                     const Cancellation* cancellation) {
  Runtime& target = runtime.get();
  auto options = run_options(std::move(args), stdin_data, std::move(environment), timeout);
  return {unwrap(run_interruptibly(cancellation, [&](std::stop_source& source) {
    options.stop = source.get_token();
    return target.run(module_bytes(module), std::move(options));
  }))};
}

void load_exports(ExportsHandle* place, const Policy& policy, std::string name,
                  const nb::bytes& module, Audit audit, bool worker, std::string program,
                  std::string launcher) {
  const nb::gil_scoped_release released;
  new (place) ExportsHandle(
      unwrap(ModuleExports::load(
          policy, std::move(name), module_bytes(module),
          runtime_options(std::move(audit), worker, {}, std::move(program), std::move(launcher)))),
      "ModuleExports");
}

RunResult call_export(const ExportsHandle& exports, std::string_view function,
                      const Arguments& arguments_json, const nb::bytes& stdin_data,
                      Environment environment, Seconds timeout, const Cancellation* cancellation) {
  ModuleExports& target = exports.get();
  auto options = run_options({}, stdin_data, std::move(environment), timeout);
  auto call = unwrap(run_interruptibly(cancellation, [&](std::stop_source& source) {
    options.stop = source.get_token();
    return target.call(function, arguments_json, std::move(options));
  }));
  return {std::move(call.result), std::move(call.value_json)};
}

// ---- Interpreters ----

void make_interpreter(InterpreterHandle* place, const Policy& policy, std::string_view language,
                      Audit audit, bool worker, std::string program, std::string launcher,
                      std::string folder) {
  const nb::gil_scoped_release released;
  auto commands = runner::confined_commands(audit, std::move(launcher));
  new (place) InterpreterHandle(
      unwrap(Interpreter::create(policy,
                                 language == "javascript" ? Language::javascript : Language::python,
                                 {.isolation = isolation_of(worker),
                                  .audit = std::move(audit),
                                  .commands = std::move(commands),
                                  .folder = std::move(folder),
                                  .worker_program = std::move(program)})),
      "Interpreter");
}

RunResult evaluate(const InterpreterHandle& interpreter, std::string_view code, Arguments args,
                   const nb::bytes& stdin_data, Environment environment, std::string name,
                   Seconds timeout, const Cancellation* cancellation) {
  Interpreter& target = interpreter.get();
  auto options = evaluate_options(std::move(args), stdin_data, std::move(environment),
                                  std::move(name), timeout);
  return result_of(unwrap(run_interruptibly(cancellation, [&](std::stop_source& source) {
    options.stop = source.get_token();
    return target.evaluate(code, std::move(options));
  })));
}

/// A session that says so where two threads use it at once.
class Session {
 public:
  explicit Session(Interpreter::Session session) : session_(std::move(session), "Session") {}
  // Only while it is handed to Python, before anybody uses it.
  Session(Session&& other) noexcept : session_(std::move(other.session_)) {}

  RunResult evaluate(std::string_view code, EvaluateOptions options,
                     const Cancellation* cancellation) {
    Interpreter::Session& target = session_.get();
    if (in_use_.exchange(true)) {
      throw Failure{Error{.kind = ErrorKind::unavailable,
                          .message = "the session is in use by another thread; it runs one snippet "
                                     "at a time",
                          .resource = {}}};
    }
    const struct Release {
      std::atomic<bool>& flag;
      ~Release() { flag = false; }
    } release{in_use_};
    return result_of(unwrap(run_interruptibly(cancellation, [&](std::stop_source& source) {
      options.stop = source.get_token();
      return target.evaluate(code, std::move(options));
    })));
  }

  bool has_ended() const { return session_.get().has_ended(); }

 private:
  OwnedByProcess<Interpreter::Session> session_;
  std::atomic<bool> in_use_ = false;
};

// ---- Native commands ----

void make_process_sandbox(ProcessHandle* place, const Policy& policy, Audit audit,
                          std::string launcher, std::size_t warm_sandboxes) {
  const nb::gil_scoped_release released;
  auto egress = make_egress_server(audit);
  new (place)
      ProcessHandle(unwrap(ProcessSandbox::create(policy, {.audit = std::move(audit),
                                                           .launcher = std::move(launcher),
                                                           .egress = std::move(egress),
                                                           .warm_sandboxes = warm_sandboxes})),
                    "ProcessSandbox");
}

RunResult run_command(const ProcessHandle& sandbox, std::string_view command, Arguments args,
                      const nb::bytes& stdin_data, Environment environment, Seconds timeout,
                      nb::object on_stdout, nb::object on_stderr, bool terminal,
                      const CommandSignals* signals, double stop_grace, bool explain,
                      const Cancellation* cancellation) {
  ProcessSandbox& target = sandbox.get();
  ProcessRunOptions options{.stdin_data = std::string(view_of(stdin_data)),
                            .environment = std::move(environment),
                            .timeout = milliseconds(timeout)};
  options.streams = terminal ? CommandStreams::terminal : CommandStreams::pipes;
  options.stop_grace = stop_grace > 0 ? *milliseconds(stop_grace) : std::chrono::milliseconds();
  options.explain = explain;
  if (signals != nullptr) {
    options.signals = *signals;
  }
  std::stop_source source;
  RunCallback out(std::move(on_stdout), &source);
  RunCallback err(std::move(on_stderr), &source);
  const CancellationLink link(cancellation, source);
  options.on_stdout = output_to(out);
  options.on_stderr = output_to(err);
  options.stop = source.get_token();
  auto result = run_interruptibly(
      source, [&] { return target.run(command, std::move(args), std::move(options)); });
  out.rethrow();
  err.rethrow();
  return {unwrap(std::move(result))};
}

nb::tuple probe(std::string launcher) {
  ProcessSandboxProbe found;
  {
    const nb::gil_scoped_release released;
    found = probe_process_sandbox({.launcher = std::move(launcher)});
  }
  nb::list layers;
  for (const std::string& layer : found.layers) {
    layers.append(text_of(layer));
  }
  nb::list missing;
  for (const std::string& lack : found.missing) {
    missing.append(text_of(lack));
  }
  return nb::make_tuple(found.available, layers, missing);
}

}  // namespace

void bind_sandboxes(nb::module_& module) {
  module.attr("version") = text_of(version());
  nb::class_<RuntimeHandle>(module, "Runtime")
      .def("__init__", &make_runtime, nb::arg("policy"), nb::arg("audit").none(), nb::arg("worker"),
           nb::arg("module_cache"), nb::arg("worker_program"), nb::arg("launcher"))
      .def("compile", &compile)
      .def("precompile", &precompile)
      .def("execute", &execute, nb::arg("name"), nb::arg("args"), nb::arg("stdin"),
           nb::arg("environment"), nb::arg("timeout").none(), nb::arg("cancellation").none())
      .def("run", &run_module, nb::arg("module"), nb::arg("args"), nb::arg("stdin"),
           nb::arg("environment"), nb::arg("timeout").none(), nb::arg("cancellation").none());
  nb::class_<ExportsHandle>(module, "ModuleExports")
      .def("__init__", &load_exports, nb::arg("policy"), nb::arg("name"), nb::arg("module"),
           nb::arg("audit").none(), nb::arg("worker"), nb::arg("worker_program"),
           nb::arg("launcher"))
      .def("signatures", [](const ExportsHandle& exports) { return unwrap(exports.get().list()); })
      .def("call", &call_export, nb::arg("function"), nb::arg("arguments_json"), nb::arg("stdin"),
           nb::arg("environment"), nb::arg("timeout").none(), nb::arg("cancellation").none());
  nb::class_<Session>(module, "Session")
      .def(
          "evaluate",
          [](Session& session, std::string_view code, Arguments args, const nb::bytes& stdin_data,
             Environment environment, std::string name, Seconds timeout,
             const Cancellation* cancellation) {
            return session.evaluate(
                code,
                evaluate_options(std::move(args), stdin_data, std::move(environment),
                                 std::move(name), timeout),
                cancellation);
          },
          nb::arg("code"), nb::arg("args"), nb::arg("stdin"), nb::arg("environment"),
          nb::arg("name"), nb::arg("timeout").none(), nb::arg("cancellation").none())
      .def_prop_ro("has_ended", &Session::has_ended);
  nb::class_<InterpreterHandle>(module, "Interpreter")
      .def("__init__", &make_interpreter, nb::arg("policy"), nb::arg("language"),
           nb::arg("audit").none(), nb::arg("worker"), nb::arg("worker_program"),
           nb::arg("launcher"), nb::arg("folder"))
      .def("evaluate", &evaluate, nb::arg("code"), nb::arg("args"), nb::arg("stdin"),
           nb::arg("environment"), nb::arg("name"), nb::arg("timeout").none(),
           nb::arg("cancellation").none())
      .def(
          "open_session",
          [](const InterpreterHandle& interpreter) {
            return Session(unwrap(interpreter.get().open_session()));
          },
          nb::keep_alive<0, 1>());
  nb::class_<CommandSignals>(module, "CommandSignals")
      .def_static("create", [] { return unwrap(CommandSignals::create()); })
      .def("send", [](const CommandSignals& signals, int signal) { unwrap(signals.send(signal)); });
  nb::class_<ProcessHandle>(module, "ProcessSandbox")
      .def("__init__", &make_process_sandbox, nb::arg("policy"), nb::arg("audit").none(),
           nb::arg("launcher"), nb::arg("warm_sandboxes"))
      .def("run", &run_command, nb::arg("command"), nb::arg("args"), nb::arg("stdin"),
           nb::arg("environment"), nb::arg("timeout").none(), nb::arg("on_stdout").none(),
           nb::arg("on_stderr").none(), nb::arg("terminal"), nb::arg("signals").none(),
           nb::arg("stop_grace"), nb::arg("explain"), nb::arg("cancellation").none());
  module.def("probe_process_sandbox", &probe);
}

}  // namespace omnisandbox::python
