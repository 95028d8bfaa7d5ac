// Takes the place of omnisandbox-worker, and does what a worker might do that a guest has taken
// over. What it does is its own file's name: the test copies it. Started by OmniSandbox with the
// parent's process id; its channel is descriptor 3.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "linux/message_socket.h"
#include "wasm/worker/build_identity.h"
#include "wasm/worker/channel.h"
#include "wasm/worker/forwarded_calls.h"
#include "wasm/worker/host_messages.h"

namespace {

using namespace omnisandbox;
using namespace omnisandbox::wasm;
using namespace omnisandbox::wasm::worker;

constexpr auto no_deadline = Channel::Deadline();
constexpr std::size_t any_size = std::size_t{1} << 30;
constexpr int channel_descriptor = 3;

class Liar {
 public:
  Liar() : channel_(linux_::Fd(channel_descriptor), TakeDescriptors::yes) {}

  void greet(std::string build = build_identity(), std::uint32_t layers = layer_seccomp) {
    static_cast<void>(channel_.receive(any_size, no_deadline));
    static_cast<void>(channel_.send(MessageType::hello,
                                    encode(Hello{.build = std::move(build), .layers = layers}),
                                    no_deadline));
  }
  /// Plays the compiler when asked to, otherwise waits for the run.
  std::optional<Run> wait_for_run() {
    while (wait_for_message() != MessageType::run) {
    }
    return decode<Run>(payload_);
  }
  MessageType wait_for_message() {
    const auto message = channel_.receive(any_size, no_deadline);
    if (!message) {
      ::_exit(0);
    }
    if (message->type == MessageType::compile) {
      static_cast<void>(channel_.take_descriptor());
      const linux_::Fd output = channel_.take_descriptor();
      static_cast<void>(!::write(output.get(), "code", 4));
      send(MessageType::compiled, encode(Compiled{}));
    } else if (message->type == MessageType::load) {
      send(MessageType::loaded, encode(Loaded{}));
    }
    payload_ = message->payload;
    return message->type;
  }
  void wait_for_list() {
    while (wait_for_message() != MessageType::list) {
    }
  }
  void send(MessageType type, std::string_view payload) {
    if (!channel_.send(type, payload, no_deadline)) {
      ::_exit(0);
    }
  }
  void finish(Finished finished = {.status = Status::ok}) {
    send(MessageType::finished, encode(finished));
  }
  /// Bytes that are no message, or the beginning of one.
  void send_raw(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::write(channel_descriptor, bytes.data(), bytes.size());
      if (sent <= 0) {
        ::_exit(0);
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// A host function by name, its memory beginning with `memory`.
  std::int32_t call(std::string_view name, std::initializer_list<std::uint64_t> arguments,
                    std::string_view memory, std::uint32_t extra_bytes = 0) {
    Call call{.extra_bytes = extra_bytes, .memory = memory};
    std::copy(arguments.begin(), arguments.end(), call.arguments.begin());
    const auto functions = numbered_functions();
    while (call.function < functions.size() && functions[call.function]->name != name) {
      ++call.function;
    }
    send(MessageType::call, encode(call));
    const auto message = channel_.receive(any_size, no_deadline);
    if (!message) {
      ::_exit(0);
    }
    const auto reply = decode<CallReply>(message->payload);
    return reply ? static_cast<std::int32_t>(reply->result) : INT32_MIN;
  }
  /// A component's call of a host function; what the parent answers.
  std::string ask(const HostRequest& request) {
    send(MessageType::host_request, encode(request));
    const auto message = channel_.receive(any_size, no_deadline);
    if (!message) {
      ::_exit(0);
    }
    const auto answer = decode_host_answer(message->payload);
    return !answer ? "nonsense" : *answer ? "ok" : std::string(to_string(answer->error().kind));
  }
  void print(std::string_view text) {
    send(MessageType::output, encode(Output{.stream = 1, .bytes = text}));
  }

 private:
  Channel channel_;
  std::string payload_;  // of the last message
};

void wait_for_ever() {
  for (;;) {
    ::pause();
  }
}

std::string header(std::uint32_t length, std::uint16_t type, std::uint16_t reserved = 0) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 4);
  std::memcpy(bytes.data() + 4, &type, 2);
  std::memcpy(bytes.data() + 6, &reserved, 2);
  return bytes;
}

/// Waits for the run, does something else than running it, and goes on with the next one.
std::function<void(Liar&)> instead_of_running(std::function<void(Liar&, const Run&)> act) {
  return [act = std::move(act)](Liar& liar) {
    liar.greet();
    while (const auto run = liar.wait_for_run()) {
      act(liar, *run);
    }
  };
}

constexpr auto finished_type = static_cast<std::uint16_t>(MessageType::finished);

std::map<std::string, std::function<void(Liar&)>> roles() {
  return {
      {"exits", [](Liar&) {}},
      {"silent", [](Liar&) { wait_for_ever(); }},
      {"of_another_build",
       [](Liar& liar) {
         liar.greet("something else");
         wait_for_ever();
       }},
      {"unconfined",
       [](Liar& liar) {
         liar.greet(build_identity(), layer_landlock);
         wait_for_ever();
       }},
      {"never_finishes", instead_of_running([](Liar&, const Run&) { wait_for_ever(); })},
      {"stops_itself", instead_of_running([](Liar&, const Run&) { ::raise(SIGSTOP); })},
      {"crashes", instead_of_running([](Liar&, const Run&) { ::raise(SIGSEGV); })},
      // As the engine does where its own memory is used up.
      {"runs_out_of_memory", instead_of_running([](Liar&, const Run&) {
         constexpr std::string_view words = "memory allocation of 1048576 bytes failed\n";
         static_cast<void>(!::write(STDERR_FILENO, words.data(), words.size()));
         ::abort();
       })},
      {"babbles", instead_of_running([](Liar&, const Run&) {
         const std::string words(1 << 20, '\x1b');
         static_cast<void>(!::write(STDERR_FILENO, words.data(), words.size()));
         ::abort();
       })},
      {"garbage", instead_of_running(
                      [](Liar& liar, const Run&) { liar.send_raw(std::string(4096, '\xAA')); })},
      {"huge_message", instead_of_running([](Liar& liar, const Run&) {
         liar.send_raw(header(0xFFFF'FFFF, finished_type));
         wait_for_ever();
       })},
      {"half_a_message", instead_of_running([](Liar& liar, const Run&) {
         liar.send_raw(header(1000, finished_type) + "half");
         wait_for_ever();
       })},
      {"unknown_type",
       instead_of_running([](Liar& liar, const Run&) { liar.send_raw(header(0, 999)); })},
      {"claims_denied", instead_of_running([](Liar& liar, const Run&) {
         liar.finish({.status = Status::denied, .error = Error{}});
       })},
      {"claims_ok_with_error", instead_of_running([](Liar& liar, const Run&) {
         liar.finish({.status = Status::ok, .error = Error{}});
       })},
      {"claims_ok_with_code", instead_of_running([](Liar& liar, const Run&) {
         liar.finish({.status = Status::ok, .exit_code = 3});
       })},
      {"escapes_in_message", instead_of_running([](Liar& liar, const Run&) {
         liar.finish({.status = Status::trap,
                      .exit_code = 134,
                      .error = Error{.kind = ErrorKind::trap,
                                     .message = "\x1b[2Jboo\nomnisandbox: allowed",
                                     .resource = {}}});
       })},
      {"unknown_function",
       instead_of_running([](Liar& liar, const Run&) { liar.call("no such function", {}, ""); })},
      {"endless_calls", instead_of_running([](Liar& liar, const Run&) {
         for (;;) {
           liar.call("fd_tell", {3, 0}, "", 8);
         }
       })},
      {"stdin_beyond_its_end", instead_of_running([](Liar& liar, const Run&) {
         liar.send(MessageType::streams, encode(Streams{.stdin_position = 1'000'000}));
         wait_for_ever();
       })},
      {"floods", instead_of_running([](Liar& liar, const Run&) {
         const std::string piece(1 << 20, 'x');
         for (int count = 0; count < 64; ++count) {
           liar.print(piece);
         }
         liar.send(MessageType::output, encode(Output{.stream = 1, .dropped_bytes = UINT64_MAX}));
         liar.finish();
       })},
      {"answers_twice", instead_of_running([](Liar& liar, const Run&) {
         liar.finish();
         liar.finish({.status = Status::exited, .exit_code = 77});
       })},
      {"sends_descriptors", instead_of_running([](Liar& liar, const Run&) {
         const linux_::Fd socket(::dup(channel_descriptor));
         const linux_::Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
         const std::string message = header(static_cast<std::uint32_t>(encode(Output{}).size()),
                                            static_cast<std::uint16_t>(MessageType::output)) +
                                     encode(Output{});
         for (int count = 0; count < 200; ++count) {
           static_cast<void>(linux_::send_now(socket, message, &file));
         }
         liar.finish();
       })},
      // The guest's arguments say what to touch.
      {"asks_for_everything", instead_of_running([](Liar& liar, const Run& run) {
         const std::string path = run.args.at(1);
         const auto length = path.size();
         std::string answers;
         const auto add = [&](std::int32_t answer) { answers += std::to_string(answer) + " "; };
         add(liar.call("fs_read", {0, length, 0, UINT64_MAX}, path));
         add(liar.call("fs_write", {0, length, 0, length, 0}, path));
         add(liar.call("fs_delete", {0, length}, path));
         add(liar.call("fs_make_directory", {0, length}, path + "-new"));
         add(liar.call("http_fetch", {0, 0, 0, 16, 0, 0, 0, 0}, "http://127.0.0.1"));
         add(liar.call("exec_run", {0, 2, 0, 0, 0, 0}, "id"));
         add(liar.call("path_open", {3, 1, 0, length, 9, UINT64_MAX, UINT64_MAX, 0, 64}, path, 64));
         add(liar.call("result_read", {1, 0, 0, 0, 16}, "", 16));
         liar.print(answers);
         liar.finish();
       })},
      // Ranges outside what it sent: each must be refused, and the parent lives on.
      {"bad_pointers", instead_of_running([](Liar& liar, const Run&) {
         std::string answers;
         for (const std::uint64_t pointer : {std::uint64_t{8}, std::uint64_t{0xFFFF'FFFF},
                                             std::uint64_t{0xFFFF'FFFC}, UINT64_MAX}) {
           for (const char* name : {"args_get", "fd_read", "fd_readdir", "fd_write", "path_open",
                                    "poll_oneoff", "fs_read", "fs_write", "http_fetch",
                                    "last_error", "result_read", "random_get", "path_rename"}) {
             liar.call(
                 name,
                 {pointer, pointer, pointer, pointer, pointer, pointer, pointer, pointer, pointer},
                 "12345678");
           }
         }
         liar.print("alive");
         liar.finish();
       })},
      // The same by the other road.
      {"asks_by_requests", instead_of_running([](Liar& liar, const Run& run) {
         const std::string& path = run.args.at(1);
         std::string answers;
         for (const HostRequest& request :
              {HostRequest(ReadFile{path}), HostRequest(WriteFile{path, "x"}),
               HostRequest(StatFile{path}), HostRequest(ListDirectory{path}),
               HostRequest(DeleteFile{path}), HostRequest(MakeDirectory{path}),
               HostRequest(HttpRequest{.url = "http://127.0.0.1"}),
               HostRequest(CommandRequest{.command = "id"})}) {
           answers += liar.ask(request) + " ";
         }
         liar.print(answers);
         liar.finish();
       })},
      {"garbage_request", instead_of_running([](Liar& liar, const Run&) {
         liar.send(MessageType::host_request, std::string(100, '\xFF'));
         wait_for_ever();
       })},
      {"value_of_a_command", instead_of_running([](Liar& liar, const Run&) {
         liar.finish({.status = Status::ok, .value = "1"});
       })},
      {"value_that_is_no_json", instead_of_running([](Liar& liar, const Run&) {
         liar.finish({.status = Status::ok, .value = "1}, \"denials\": [], \"x\": {"});
       })},
      {"value_that_is_too_large", instead_of_running([](Liar& liar, const Run&) {
         liar.finish({.status = Status::ok, .value = '"' + std::string(3 << 20, 'x') + '"'});
       })},
      {"lists_escapes",
       [](Liar& liar) {
         liar.greet();
         liar.wait_for_list();
         liar.send(MessageType::listed, encode(Listed{.functions = {{.name = "a\x1b[2Jb\nc"}}}));
         wait_for_ever();
       }},
      {"writes_without_end", instead_of_running([](Liar& liar, const Run& run) {
         const std::string path = run.args.at(1);
         const std::string memory = path + std::string(64 * 1024, 'w');
         std::int32_t answer = 0;
         int written = 0;
         for (int count = 0; count < 100 && answer == 0; ++count) {
           answer = liar.call("fs_write", {0, path.size(), path.size(), 64 * 1024, 1}, memory);
           written += answer == 0 ? 1 : 0;
         }
         liar.print(std::to_string(written) + " " + std::to_string(answer));
         liar.finish();
       })},
  };
}

}  // namespace

int main() {
  ::signal(SIGPIPE, SIG_IGN);
  const auto known = roles();
  const auto role = known.find(std::filesystem::read_symlink("/proc/self/exe").filename());
  if (role == known.end()) {
    return 2;
  }
  Liar liar;
  role->second(liar);
}
