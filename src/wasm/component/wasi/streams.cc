#include <algorithm>
#include <array>
#include <string>

#include "wasm/component/limits.h"
#include "wasm/component/wasi/interfaces.h"
#include "wasm/component/wasi/preview1_call.h"

namespace omnisandbox::wasm::component::wasi02 {
namespace {

using To = OutputStream::To;

InputStream& input(HostCall& call, std::size_t index = 0) {
  return call.resource<InputStream>(index, ResourceKind::input_stream);
}

OutputStream& output(HostCall& call) {
  return call.resource<OutputStream>(0, ResourceKind::output_stream);
}

Value closed() { return Value::error(Value::variant("closed")); }

Value operation_failed(HostCall& call, wasi::Errno code) {
  return Value::error(
      Value::variant("last-operation-failed", call.keep(ResourceKind::error, IoError{code})));
}

// ---- Input ----

struct Taken {
  wasi::Errno code = wasi::Errno::success;
  std::string bytes;
};

Taken take(HostCall& call, InputStream& stream, std::uint64_t length) {
  const std::uint64_t wanted = std::min(length, max_transfer_bytes);
  if (!stream.is_stdin) {
    auto read = read_file(call, stream.fd, stream.offset, wanted);
    stream.offset += read.bytes.size();
    return {read.code, std::move(read.bytes)};
  }
  GuestRun& run = call.guest();
  std::string bytes = run.stdin_data.substr(run.stdin_position, static_cast<std::size_t>(wanted));
  run.stdin_position += bytes.size();
  return {wasi::Errno::success, std::move(bytes)};
}

// The blocking variants are the same: no stream of ours ever blocks.
void read(HostCall& call) {
  InputStream& stream = input(call);
  const std::uint64_t length = u64_of(call.arg(1));
  if (!may_continue(call)) {
    return;
  }
  const Taken taken = take(call, stream, length);
  if (taken.code != wasi::Errno::success) {
    call.give(operation_failed(call, taken.code));
  } else if (taken.bytes.empty() && length > 0) {
    call.give(closed());
  } else {
    call.give(Value::ok(Value::bytes(taken.bytes)));
  }
}

void skip(HostCall& call) {
  InputStream& stream = input(call);
  const std::uint64_t length = u64_of(call.arg(1));
  if (!may_continue(call)) {
    return;
  }
  const Taken taken = take(call, stream, length);
  if (taken.code != wasi::Errno::success) {
    call.give(operation_failed(call, taken.code));
  } else if (taken.bytes.empty() && length > 0) {
    call.give(closed());
  } else {
    call.give(Value::ok(Value::u64(taken.bytes.size())));
  }
}

void subscribe_input(HostCall& call) {
  input(call);
  call.give(ready_pollable(call));
}

void drop_input(ComponentRun& run, std::uint32_t number) noexcept {
  if (const auto* stream = run.resources.find<InputStream>(number)) {
    if (!stream->is_stdin) {
      release_stream(run, stream->fd);
    }
    run.resources.drop(number);
  }
}

// ---- Output ----

// All of it, or the error that stopped it.
wasi::Errno write_all(HostCall& call, OutputStream& stream, std::string_view bytes) {
  if (stream.to == To::stdout_capture) {
    call.guest().stdout_capture.append(bytes);
    return wasi::Errno::success;
  }
  if (stream.to == To::stderr_capture) {
    call.guest().stderr_capture.append(bytes);
    return wasi::Errno::success;
  }
  while (!bytes.empty() && call.end == GuestCall::End::none) {
    const FileWrite written = stream.to == To::end_of_file
                                  ? append_to_file(call, stream.fd, bytes)
                                  : write_file(call, stream.fd, stream.offset, bytes);
    if (written.code != wasi::Errno::success) {
      return written.code;
    }
    if (written.written == 0) {
      return wasi::Errno::io;
    }
    stream.offset += written.written;
    bytes.remove_prefix(static_cast<std::size_t>(written.written));
  }
  return wasi::Errno::success;
}

void give_written(HostCall& call, wasi::Errno code) {
  if (call.end == GuestCall::End::none) {
    call.give(code == wasi::Errno::success ? Value::ok() : operation_failed(call, code));
  }
}

void check_write(HostCall& call) {
  output(call);
  if (may_continue(call)) {
    call.give(Value::ok(Value::u64(max_transfer_bytes)));
  }
}

void write(HostCall& call) {
  OutputStream& stream = output(call);
  const std::string bytes = bytes_of(call.arg(1));
  if (may_continue(call)) {
    give_written(call, write_all(call, stream, bytes));
  }
}

void write_zeroes(HostCall& call) {
  OutputStream& stream = output(call);
  const std::uint64_t length = u64_of(call.arg(1));
  if (length > max_transfer_bytes) {
    call.trap("it wrote more to a stream than check-write allowed");
  } else if (may_continue(call)) {
    give_written(call,
                 write_all(call, stream, std::string(static_cast<std::size_t>(length), '\0')));
  }
}

// Nothing is held back, so there is nothing to flush.
void flush(HostCall& call) {
  output(call);
  call.give(Value::ok());
}

void subscribe_output(HostCall& call) {
  output(call);
  call.give(ready_pollable(call));
}

void splice(HostCall& call) {
  OutputStream& stream = output(call);
  InputStream& source = input(call, 1);
  const std::uint64_t length = u64_of(call.arg(2));
  if (!may_continue(call)) {
    return;
  }
  const Taken taken = take(call, source, length);
  if (taken.code != wasi::Errno::success) {
    call.give(operation_failed(call, taken.code));
    return;
  }
  if (taken.bytes.empty() && length > 0) {
    call.give(closed());
    return;
  }
  const wasi::Errno code = write_all(call, stream, taken.bytes);
  if (call.end == GuestCall::End::none) {
    call.give(code == wasi::Errno::success ? Value::ok(Value::u64(taken.bytes.size()))
                                           : operation_failed(call, code));
  }
}

void drop_output(ComponentRun& run, std::uint32_t number) noexcept {
  if (const auto* stream = run.resources.find<OutputStream>(number)) {
    if (stream->to == To::file || stream->to == To::end_of_file) {
      release_stream(run, stream->fd);
    }
    run.resources.drop(number);
  }
}

void to_debug_string(HostCall& call) {
  const IoError& error = call.resource<IoError>(0, ResourceKind::error);
  call.give(Value::string(error_code_name(error.code)));
}

constexpr std::array error_resources = {
    ResourceEntry{"error", ResourceKind::error, &drop_from_table}};
constexpr std::array error_functions = {
    FunctionEntry{"[method]error.to-debug-string", &to_debug_string}};
constexpr std::array poll_resources = {
    ResourceEntry{"pollable", ResourceKind::pollable, &drop_from_table}};
constexpr std::array poll_functions = {FunctionEntry{"[method]pollable.ready", &pollable_ready},
                                       FunctionEntry{"[method]pollable.block", &pollable_block},
                                       FunctionEntry{"poll", &poll}};
constexpr std::array stream_resources = {
    ResourceEntry{"input-stream", ResourceKind::input_stream, &drop_input},
    ResourceEntry{"output-stream", ResourceKind::output_stream, &drop_output}};
constexpr std::array stream_functions = {
    FunctionEntry{"[method]input-stream.read", &read},
    FunctionEntry{"[method]input-stream.blocking-read", &read},
    FunctionEntry{"[method]input-stream.skip", &skip},
    FunctionEntry{"[method]input-stream.blocking-skip", &skip},
    FunctionEntry{"[method]input-stream.subscribe", &subscribe_input},
    FunctionEntry{"[method]output-stream.check-write", &check_write},
    FunctionEntry{"[method]output-stream.write", &write},
    FunctionEntry{"[method]output-stream.blocking-write-and-flush", &write},
    FunctionEntry{"[method]output-stream.flush", &flush},
    FunctionEntry{"[method]output-stream.blocking-flush", &flush},
    FunctionEntry{"[method]output-stream.subscribe", &subscribe_output},
    FunctionEntry{"[method]output-stream.write-zeroes", &write_zeroes},
    FunctionEntry{"[method]output-stream.blocking-write-zeroes-and-flush", &write_zeroes},
    FunctionEntry{"[method]output-stream.splice", &splice},
    FunctionEntry{"[method]output-stream.blocking-splice", &splice}};

constexpr std::array interfaces = {
    Interface{"wasi:io/error@0.2.12", error_resources, error_functions},
    Interface{"wasi:io/poll@0.2.12", poll_resources, poll_functions},
    Interface{"wasi:io/streams@0.2.12", stream_resources, stream_functions},
};

}  // namespace

std::span<const Interface> io_interfaces() { return interfaces; }

}  // namespace omnisandbox::wasm::component::wasi02
