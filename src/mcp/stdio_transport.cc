#include "mcp/stdio_transport.h"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "base/units.h"
#include "linux/standard_streams.h"
#include "mcp/limits.h"
#include "mcp/line_reader.h"

namespace omnisandbox::mcp {
namespace {

/// Standard output, one message a line.
class Output {
 public:
  void write(std::string message) {
    message += '\n';
    const std::lock_guard lock(mutex_);
    if (!lost_ && !linux_::write_all(linux_::StandardStream::output, message)) {
      lost_ = true;
    }
  }
  /// The client takes no more.
  bool is_lost() const noexcept { return lost_; }

 private:
  std::mutex mutex_;
  std::atomic<bool> lost_{false};
};

class StdioClient final : public Client {
 public:
  explicit StdioClient(std::shared_ptr<Output> output) : output_(std::move(output)) {}
  void push(const std::string& message) override { output_->write(message); }

 private:
  const std::shared_ptr<Output> output_;  // shared with the exchanges
};

class StdioExchange final : public Exchange {
 public:
  explicit StdioExchange(std::shared_ptr<Output> output) : output_(std::move(output)) {}
  void notify(const std::string& message) override { output_->write(message); }
  void finish(std::optional<Answer> answer) override {
    if (answer) {
      output_->write(std::move(answer->text));
    }
  }

 private:
  const std::shared_ptr<Output> output_;  // shared with the client
};

Expected<void> read_messages(LineReader& lines, const Output& output) {
  constexpr std::size_t piece_bytes = 64 * 1024;
  std::vector<std::byte> piece(piece_bytes);
  while (!output.is_lost()) {
    const auto got = linux_::read_some(linux_::StandardStream::input, piece);
    if (!got) {
      return got.error();
    }
    if (*got == 0) {
      lines.end();
      return {};
    }
    lines.take({reinterpret_cast<const char*>(piece.data()), *got});
  }
  return {};
}

}  // namespace

Expected<void> serve_stdio(Server& server) {
  const auto output = std::make_shared<Output>();
  const std::shared_ptr<Client> client = std::make_shared<StdioClient>(output);
  LineReader lines(max_message_bytes,
                   {.on_line =
                        [&](std::string_view line) {
                          server.receive(client, line, std::make_shared<StdioExchange>(output));
                        },
                    .on_too_long =
                        [&] {
                          output->write(error_answer(nullptr, error_code::invalid_request,
                                                     "a message is larger than the limit of " +
                                                         base::format_byte_size(max_message_bytes))
                                            .text);
                        }});
  auto ended = read_messages(lines, *output);
  if (output->is_lost()) {
    client->cancel_all();
  } else if (!server.wait_until_idle(std::chrono::steady_clock::now() + drain_grace)) {
    server.stop();
  }
  static_cast<void>(server.wait_until_idle(std::chrono::steady_clock::now() + stop_grace));
  return ended;
}

}  // namespace omnisandbox::mcp
