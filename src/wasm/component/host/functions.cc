#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "base/utf8.h"
#include "omnisandbox/host_functions.h"
#include "wasm/abi/limits.h"
#include "wasm/component/host/held_bytes.h"
#include "wasm/component/host/interfaces.h"

namespace omnisandbox::wasm::component::host {
namespace {

using Fields = std::vector<std::pair<std::string_view, Value>>;
/// Empty for a function without a result.
using Answer = Expected<std::optional<Value>>;

/// Makes the call, and takes what the function returns out of the answer.
template <class Returned>
Expected<Returned> ask(HostCall& call, const HostRequest& request) {
  return std::get<Returned>(TRY(call.run.outside->ask(call.guest(), request)));
}

Expected<void> act(HostCall& call, const HostRequest& request) {
  TRY(ask<std::monostate>(call, request));
  return {};
}

/// Gives what `function` answers as a `result`.
template <class Function>
void answer(HostCall& call, Function function) {
  Answer answered = function();
  if (!answered) {
    call.give(failure(call, answered.error()));
  } else {
    call.give(*answered ? Value::ok(std::move(**answered)) : Value::ok());
  }
}

std::string_view path_of(HostCall& call) { return string_of(call.arg(0)); }

// ---- fs ----

void read(HostCall& call) {
  answer(call, [&]() -> Answer {
    std::string content = TRY(ask<std::string>(call, ReadFile{path_of(call)}));
    return TRY(keep_bytes(call, std::move(content)));
  });
}

void read_text(HostCall& call) {
  answer(call, [&]() -> Answer {
    const std::string text = TRY(ask<std::string>(call, ReadFile{path_of(call)}));
    if (!base::is_utf8(text)) {
      return base::make_error(ErrorKind::invalid_argument, "{} is not UTF-8 text; read it as bytes",
                              base::printable(path_of(call)));
    }
    return Value::string(text);
  });
}

WriteMode mode_of(const wasmtime_component_val_t& value) {
  const std::string_view name = enumeration_of(value);
  if (name == "append") {
    return WriteMode::append;
  }
  if (name == "create-new") {
    return WriteMode::create_new;
  }
  if (name != "replace") {
    throw WrongType();
  }
  return WriteMode::replace;
}

void write(HostCall& call) {
  const HeldBytes& content = held(call, call.arg(1));
  const WriteMode mode = mode_of(call.arg(2));
  answer(call, [&]() -> Answer {
    TRY(act(call, WriteFile{path_of(call), content.bytes, mode}));
    return std::nullopt;
  });
}

void write_text(HostCall& call) {
  const std::string_view content = string_of(call.arg(1));
  const WriteMode mode = mode_of(call.arg(2));
  answer(call, [&]() -> Answer {
    TRY(act(call, WriteFile{path_of(call), content, mode}));
    return std::nullopt;
  });
}

Value type_value(FileType type) {
  switch (type) {
    case FileType::regular:
      return Value::enumeration("regular");
    case FileType::directory:
      return Value::enumeration("directory");
    case FileType::symlink:
      return Value::enumeration("symlink");
    case FileType::other:
      break;
  }
  return Value::enumeration("other");
}

void stat(HostCall& call) {
  answer(call, [&]() -> Answer {
    const FileInfo info = TRY(ask<FileInfo>(call, StatFile{path_of(call)}));
    const auto modified =
        std::chrono::duration_cast<std::chrono::milliseconds>(info.modified.time_since_epoch());
    Fields fields;
    fields.emplace_back("type", type_value(info.type));
    fields.emplace_back("size", Value::u64(info.size_bytes));
    fields.emplace_back("modified-ms", Value::s64(modified.count()));
    fields.emplace_back("mode", Value::u32(info.mode));
    return Value::record(std::move(fields));
  });
}

void list_directory(HostCall& call) {
  answer(call, [&]() -> Answer {
    std::vector<Value> entries;
    for (const DirectoryEntry& entry :
         TRY(ask<std::vector<DirectoryEntry>>(call, ListDirectory{path_of(call)}))) {
      Fields fields;
      fields.emplace_back("name", Value::string(entry.name));
      fields.emplace_back("type", type_value(entry.type));
      entries.push_back(Value::record(std::move(fields)));
    }
    return Value::list(std::move(entries));
  });
}

void remove(HostCall& call) {
  answer(call, [&]() -> Answer {
    TRY(act(call, DeleteFile{path_of(call)}));
    return std::nullopt;
  });
}

void make_directory(HostCall& call) {
  answer(call, [&]() -> Answer {
    TRY(act(call, MakeDirectory{path_of(call)}));
    return std::nullopt;
  });
}

// ---- http ----

Expected<HttpRequest> request_of(HostCall& call, const wasmtime_component_val_t& record) {
  HttpRequest request;
  // First: the engine traps where a borrowed handle was not looked at.
  if (const auto* body = option_of(field_of(record, "body"))) {
    request.body = held(call, *body).bytes;
  }
  request.method = string_of(field_of(record, "method"));
  request.url = string_of(field_of(record, "url"));
  const auto& headers = list_of(field_of(record, "headers"));
  if (headers.size > abi::max_header_count) {
    return base::make_error(ErrorKind::limit, "a request has at most {} headers",
                            abi::max_header_count);
  }
  for (std::size_t index = 0; index < headers.size; ++index) {
    request.headers.push_back(
        {.name = std::string(string_of(field_of(headers.data[index], "name"))),
         .value = std::string(string_of(field_of(headers.data[index], "value")))});
  }
  return request;
}

void fetch(HostCall& call) {
  answer(call, [&]() -> Answer {
    const HttpRequest request = TRY(request_of(call, call.arg(0)));
    HttpResponse response = TRY(ask<HttpResponse>(call, request));
    std::vector<Value> headers;
    for (const HttpHeader& header : response.headers) {
      Fields fields;
      fields.emplace_back("name", Value::string(header.name));
      fields.emplace_back("value", Value::string(header.value));
      headers.push_back(Value::record(std::move(fields)));
    }
    Fields fields;
    fields.emplace_back("status", Value::u16(static_cast<std::uint16_t>(response.status)));
    fields.emplace_back("headers", Value::list(std::move(headers)));
    fields.emplace_back("final-url", Value::string(response.final_url));
    fields.emplace_back("body", TRY(keep_bytes(call, std::move(response.body))));
    return Value::record(std::move(fields));
  });
}

// ---- exec ----

Expected<CommandRequest> command_of(HostCall& call, const wasmtime_component_val_t& record) {
  CommandRequest request;
  if (const auto* input = option_of(field_of(record, "stdin"))) {
    request.stdin_data = held(call, *input).bytes;
  }
  request.command = string_of(field_of(record, "command"));
  const auto& arguments = list_of(field_of(record, "arguments"));
  if (arguments.size > abi::max_argument_count) {
    return base::make_error(ErrorKind::limit, "a command has at most {} arguments",
                            abi::max_argument_count);
  }
  for (std::size_t index = 0; index < arguments.size; ++index) {
    request.args.emplace_back(string_of(arguments.data[index]));
  }
  return request;
}

void run(HostCall& call) {
  answer(call, [&]() -> Answer {
    const CommandRequest request = TRY(command_of(call, call.arg(0)));
    Result result = TRY(ask<Result>(call, request));
    Fields fields;
    fields.emplace_back("exit-code", Value::s32(result.exit_code));
    fields.emplace_back("status", Value::string(to_string(result.status)));
    fields.emplace_back("stdout", TRY(keep_bytes(call, std::move(result.stdout_data))));
    fields.emplace_back("stderr", TRY(keep_bytes(call, std::move(result.stderr_data))));
    fields.emplace_back("stdout-truncated", Value::boolean(result.stdout_truncated));
    fields.emplace_back("stderr-truncated", Value::boolean(result.stderr_truncated));
    return Value::record(std::move(fields));
  });
}

constexpr std::array fs_functions = {
    FunctionEntry{"read", &read},     FunctionEntry{"read-text", &read_text},
    FunctionEntry{"write", &write},   FunctionEntry{"write-text", &write_text},
    FunctionEntry{"stat", &stat},     FunctionEntry{"list-directory", &list_directory},
    FunctionEntry{"delete", &remove}, FunctionEntry{"make-directory", &make_directory}};
constexpr std::array http_functions = {FunctionEntry{"fetch", &fetch}};
constexpr std::array exec_functions = {FunctionEntry{"run", &run}};

}  // namespace

std::span<const Interface> interfaces() {
  static const std::array all = {types_interface(), stdio_interface(),
                                 Interface{"omnisandbox:host/fs@1.0.0", {}, fs_functions},
                                 Interface{"omnisandbox:host/http@1.0.0", {}, http_functions},
                                 Interface{"omnisandbox:host/exec@1.0.0", {}, exec_functions}};
  return all;
}

}  // namespace omnisandbox::wasm::component::host
