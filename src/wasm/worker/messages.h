#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/error.h"
#include "omnisandbox/result.h"
#include "wasm/exported_type.h"
#include "wasm/module/code_shape.h"

/// What a worker and its parent say to each other. The parent trusts nothing that comes from a
/// worker: each message is checked for its length, its numbers for their range, and a worker can
/// ask for nothing but what a guest may ask for.
namespace omnisandbox::wasm::worker {

enum class MessageType : std::uint16_t {
  // Parent to worker
  configure = 1,  ///< with a descriptor, for `Guests::interpreter`: its code
  load,           ///< with a descriptor: the code
  unload,
  run,
  call_reply,
  host_answer,  ///< host_messages.h
  list,
  module_bytes,  ///< with a descriptor: what to compile
  compile,       ///< with a descriptor: where the code goes
  // Worker to parent
  hello = 100,
  loaded,
  call,
  host_request,  ///< host_messages.h
  listed,
  output,
  streams,
  finished,
  compiled,
};

/// What a process is for. A compiler is used once, and runs no guest.
enum class Role : std::uint8_t { runner, compiler };

/// What a runner runs; each kind has an engine of its own.
enum class Guests : std::uint8_t { modules, components, interpreter };

/// The first message, read before the worker gives up its rights.
struct Configure {
  Role role = Role::runner;
  Guests guests = Guests::modules;
  bool metered = false;
  std::uint64_t memory_limit_bytes = 0;
  std::uint64_t max_output_bytes = 0;
  std::uint64_t max_file_bytes = 0;
  std::uint64_t max_response_bytes = 0;
  std::uint64_t fuel = 0;        ///< where metered
  std::uint64_t timeout_ms = 0;  ///< the policy's
  std::uint64_t data_bytes = 0;  ///< RLIMIT_DATA
  component::ComponentShape interpreter{};
};

/// Bits of Hello::layers.
inline constexpr std::uint32_t layer_seccomp = 1;
inline constexpr std::uint32_t layer_landlock = 2;
inline constexpr std::uint32_t layer_memory = 4;

/// The answer to Configure, sent when the worker is confined.
struct Hello {
  std::string build;  ///< must be the parent's own `build_identity`
  std::uint32_t layers = 0;
  std::optional<Error> error{};  ///< why it cannot serve
};

struct Load {
  std::uint64_t module = 0;
  CodeShape shape{};
};
struct Unload {
  std::uint64_t module = 0;
};
struct Loaded {
  std::optional<Error> error{};
};

/// What functions a loaded module or component exports.
struct List {
  std::uint64_t module = 0;
};
struct Listed {
  std::optional<Error> error{};
  std::vector<FunctionType> functions{};  ///< where there is no error
};

/// What a run is of.
enum class RunKind : std::uint8_t {
  command,          ///< a core module's entry, or a component's wasi:cli/run
  call,             ///< an exported function, with JSON
  snippet,          ///< in a fresh interpreter
  session_snippet,  ///< in this worker's one session
};

struct Run {
  RunKind kind = RunKind::command;
  std::uint64_t module = 0;                          ///< not of a snippet
  std::chrono::steady_clock::time_point deadline{};  ///< one clock for all processes
  std::uint64_t timeout_ms = 0;                      ///< for messages
  std::uint32_t spin_us = 0;  ///< how long to look for answers before sleeping
  std::vector<std::string> args{};
  std::vector<std::string> environment{};
  std::string text{};                         ///< the function's name, or the snippet's code
  std::vector<std::string> arguments_json{};  ///< of a call
  std::string stdin_data{};
};

inline constexpr std::size_t max_call_arguments = 10;

/// A host function that the guest called. `memory` is what it may read, followed by `extra_bytes`
/// zeros for what it may write; pointers among the arguments are offsets into both together.
struct Call {
  std::uint16_t function = 0;
  std::array<std::uint64_t, max_call_arguments> arguments{};
  std::uint32_t extra_bytes = 0;
  std::uint32_t answer_from = 0;  ///< the answer has the memory from here on
  std::string_view memory{};
};
struct CallReply {
  std::uint64_t result = 0;
  std::uint8_t end = 0;  ///< GuestCall::End
  std::string end_message{};
  std::string_view memory{};  ///< without the zeros at its end
};

/// What the guest printed since the last such message.
struct Output {
  std::uint8_t stream = 1;  ///< 1 or 2
  std::uint64_t dropped_bytes = 0;
  std::string_view bytes{};
};
/// From now on the guest's standard streams are the parent's business too: the guest closed, moved
/// or changed one.
struct Streams {
  std::uint64_t stdin_position = 0;
};

struct Finished {
  Status status = Status::failed;
  std::int32_t exit_code = 0;
  std::optional<Error> error{};  ///< kind and message only
  std::uint64_t peak_memory_bytes = 0;
  std::optional<std::uint64_t> fuel_consumed{};
  std::optional<std::string> value{};  ///< what a call or a snippet returned
  bool value_truncated = false;        ///< of a snippet
  bool can_go_on = false;              ///< of a session's snippet: another one can come
};

struct Compiled {
  std::optional<Error> error{};
  CodeShape shape{};
};

std::string encode(const Configure& message);
std::string encode(const Hello& message);
std::string encode(const Load& message);
std::string encode(const Unload& message);
std::string encode(const Loaded& message);
std::string encode(const List& message);
std::string encode(const Listed& message);
std::string encode(const Run& message);
std::string encode(const Call& message);
std::string encode(const CallReply& message);
std::string encode(const Output& message);
std::string encode(const Streams& message);
std::string encode(const Finished& message);
std::string encode(const Compiled& message);

/// Empty for what is not exactly one such message. Views in the result point into `bytes`.
template <class Message>
std::optional<Message> decode(std::string_view bytes);

// Longer than any message of ours; the rest of a worker's text is not worth keeping.
inline constexpr std::size_t max_error_text_bytes = 8 * 1024;

}  // namespace omnisandbox::wasm::worker
