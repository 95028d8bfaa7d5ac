#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "callbacks.h"
#include "interrupts.h"
#include "omnisandbox/host_functions.h"
#include "results.h"
#include "runner/confined_commands.h"

namespace omnisandbox::python {
namespace {

/// The host functions under a policy: all calls as one run, with its quotas and its deadline, or
/// each call as a run of its own.
class Functions {
 public:
  Functions(const Policy& policy, std::shared_ptr<AuditSink> audit, std::string launcher,
            bool one_run)
      : policy_(policy), audit_(std::move(audit)) {
    commands_ = runner::confined_commands(audit_, std::move(launcher));
    if (one_run) {
      run_.emplace(make(source_), "HostFunctions");
    } else {
      static_cast<void>(make(source_));  // what it lacks is said now
    }
  }

  /// Without the GIL.
  template <class Call>
  auto call(Call work) {
    const nb::gil_scoped_release released;
    if (run_) {
      return work(run_->get());
    }
    HostFunctions functions = make(source_);
    return work(functions);
  }

  /// The same for what can take long: `cancellation` and SIGINT stop it.
  template <class Call>
  auto call_interruptibly(const Cancellation* cancellation, Call work) {
    if (!run_) {
      return run_interruptibly(cancellation, [&](std::stop_source& source) {
        HostFunctions functions = make(source);
        return work(functions);
      });
    }
    HostFunctions& functions = run_->get();
    const CancellationLink link(cancellation, source_);
    return run_interruptibly(source_, [&] { return work(functions); });
  }

  void cancel() { source_.request_stop(); }
  HostFunctions* run() { return run_ ? &run_->get() : nullptr; }

 private:
  HostFunctions make(const std::stop_source& source) const {
    return unwrap(HostFunctions::create(
        policy_, {.audit = audit_, .commands = commands_, .stop = source.get_token()}));
  }

  const Policy policy_;
  const std::shared_ptr<AuditSink> audit_;  // shared with every sandbox that writes to it
  std::shared_ptr<CommandRunner> commands_;
  std::stop_source source_;
  std::optional<OwnedByProcess<HostFunctions>> run_;
};

const char* type_name(FileType type) {
  switch (type) {
    case FileType::regular:
      return "file";
    case FileType::directory:
      return "directory";
    case FileType::symlink:
      return "symlink";
    case FileType::other:
      break;
  }
  return "other";
}

/// A path as os.fsencode gives it, in less time: a read takes microseconds.
nb::bytes path_bytes(nb::handle path) {
  const nb::object plain = nb::steal(PyOS_FSPath(path.ptr()));
  if (!plain.is_valid()) {
    throw nb::python_error();
  }
  if (PyBytes_Check(plain.ptr())) {
    return nb::borrow<nb::bytes>(plain);
  }
  PyObject* encoded = PyUnicode_EncodeFSDefault(plain.ptr());
  if (encoded == nullptr) {
    throw nb::python_error();
  }
  return nb::steal<nb::bytes>(encoded);
}

nb::bytes fs_read(Functions& functions, nb::handle name, std::uint64_t offset,
                  std::optional<std::uint64_t> length) {
  const nb::bytes path = path_bytes(name);
  const std::string content = unwrap(functions.call([&](HostFunctions& run) {
    return run.fs_read(view_of(path), {.offset = offset, .length = length});
  }));
  return bytes_of(content);
}

void fs_write(Functions& functions, nb::handle name, const nb::bytes& content,
              std::string_view mode, bool synced) {
  const nb::bytes path = path_bytes(name);
  WriteOptions options{.durability = synced ? Durability::synced : Durability::none};
  if (mode == "append") {
    options.mode = WriteMode::append;
  } else if (mode == "create_new") {
    options.mode = WriteMode::create_new;
  } else if (mode != "replace") {
    throw nb::value_error("mode is \"replace\", \"append\" or \"create_new\"");
  }
  unwrap(functions.call(
      [&](HostFunctions& run) { return run.fs_write(view_of(path), view_of(content), options); }));
}

nb::list fs_list(Functions& functions, nb::handle name) {
  const nb::bytes path = path_bytes(name);
  const auto entries =
      unwrap(functions.call([&](HostFunctions& run) { return run.fs_list(view_of(path)); }));
  nb::list list;
  for (const DirectoryEntry& entry : entries) {
    list.append(nb::make_tuple(bytes_of(entry.name), type_name(entry.type)));
  }
  return list;
}

nb::tuple fs_stat(Functions& functions, nb::handle name) {
  const nb::bytes path = path_bytes(name);
  const FileInfo info =
      unwrap(functions.call([&](HostFunctions& run) { return run.fs_stat(view_of(path)); }));
  const double modified = std::chrono::duration<double>(info.modified.time_since_epoch()).count();
  return nb::make_tuple(type_name(info.type), info.size_bytes, modified, info.mode);
}

nb::tuple http_fetch(Functions& functions, std::string url, std::string method,
                     const std::vector<std::pair<std::string, std::string>>& headers,
                     const nb::bytes& body, nb::object on_body, std::uint32_t max_redirects,
                     const Cancellation* cancellation) {
  HttpRequest request{.url = std::move(url),
                      .method = std::move(method),
                      .body = std::string(view_of(body)),
                      .max_redirects = max_redirects};
  for (const auto& [name, value] : headers) {
    request.headers.push_back({name, value});
  }
  RunCallback callback(std::move(on_body), nullptr);
  if (callback.is_set()) {
    request.on_body = [&callback](std::string_view piece) { return callback(piece); };
  }
  auto answer = functions.call_interruptibly(
      cancellation, [&](HostFunctions& run) { return run.http_fetch(request); });
  callback.rethrow();
  const HttpResponse response = unwrap(std::move(answer));
  nb::list fields;
  for (const HttpHeader& header : response.headers) {
    fields.append(nb::make_tuple(text_of(header.name), text_of(header.value)));
  }
  return nb::make_tuple(response.status, fields, bytes_of(response.body),
                        text_of(response.final_url));
}

RunResult exec_run(Functions& functions, std::string command, std::vector<std::string> args,
                   const nb::bytes& stdin_data, const Cancellation* cancellation) {
  const CommandRequest request{.command = std::move(command),
                               .args = std::move(args),
                               .stdin_data = std::string(view_of(stdin_data))};
  return {unwrap(functions.call_interruptibly(
      cancellation, [&](HostFunctions& run) { return run.exec_run(request); }))};
}

nb::tuple denials(Functions& functions) {
  HostFunctions* run = functions.run();
  nb::list list;
  for (const Denial& denial : run == nullptr ? std::vector<Denial>() : run->denials()) {
    list.append(denial_object(denial));
  }
  return nb::tuple(list);
}

}  // namespace

void bind_functions(nb::module_& module) {
  nb::class_<Cancellation>(module, "Cancellation")
      .def(nb::init<>())
      .def("cancel", &Cancellation::cancel, nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("cancelled", &Cancellation::cancelled);
  nb::class_<Functions>(module, "Functions")
      .def(nb::init<const Policy&, std::shared_ptr<AuditSink>, std::string, bool>(),
           nb::arg("policy"), nb::arg("audit").none(), nb::arg("launcher"), nb::arg("one_run"))
      .def("fs_read", &fs_read, nb::arg("path"), nb::arg("offset"), nb::arg("length").none())
      .def("fs_write", &fs_write)
      .def("fs_list", &fs_list)
      .def("fs_stat", &fs_stat)
      .def("fs_delete",
           [](Functions& functions, nb::handle name) {
             const nb::bytes path = path_bytes(name);
             unwrap(
                 functions.call([&](HostFunctions& run) { return run.fs_delete(view_of(path)); }));
           })
      .def("fs_make_directory",
           [](Functions& functions, nb::handle name) {
             const nb::bytes path = path_bytes(name);
             unwrap(functions.call(
                 [&](HostFunctions& run) { return run.fs_make_directory(view_of(path)); }));
           })
      .def("http_fetch", &http_fetch, nb::arg("url"), nb::arg("method"), nb::arg("headers"),
           nb::arg("body"), nb::arg("on_body").none(), nb::arg("max_redirects"),
           nb::arg("cancellation").none())
      .def("exec_run", &exec_run, nb::arg("command"), nb::arg("args"), nb::arg("stdin"),
           nb::arg("cancellation").none())
      .def("cancel", &Functions::cancel, nb::call_guard<nb::gil_scoped_release>())
      .def("denials", &denials)
      .def("denial_count", [](Functions& functions) -> std::uint64_t {
        return functions.run() == nullptr ? 0 : functions.run()->denial_count();
      });
}

}  // namespace omnisandbox::python
