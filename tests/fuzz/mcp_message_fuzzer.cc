// Messages of an MCP client, one a line. Whatever they are, each is answered at most once and then
// by JSON-RPC 2.0; one that has an id and is no response is answered under that id.
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "mcp/json_rpc.h"
#include "mcp/limits.h"
#include "mcp/line_reader.h"
#include "mcp/server.h"

namespace {

using namespace omnisandbox;
using namespace omnisandbox::mcp;

class Deaf final : public Client {
 public:
  void push(const std::string&) override {}
};

class Kept final : public Exchange {
 public:
  void notify(const std::string&) override {
    if (finished_) {
      std::abort();
    }
  }
  void finish(std::optional<Answer> answer) override {
    const std::lock_guard lock(mutex_);
    if (finished_) {
      std::abort();
    }
    finished_ = true;
    answer_ = std::move(answer);
    changed_.notify_all();
  }
  const std::optional<Answer>& wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return finished_; });
    return answer_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;
  std::optional<Answer> answer_;
};

/// Nothing is granted, and there is no sandbox: what is tried is the protocol.
std::shared_ptr<const Workspace> workspace() {
  auto policy = Policy::compile({});
  if (!policy) {
    std::abort();
  }
  auto audit = std::make_shared<runner::AuditTail>(nullptr, 10);
  return std::make_shared<Workspace>(
      Workspace{.policy = *policy,
                .timeout = std::chrono::seconds(1),
                .audit = audit,
                .runner = std::make_shared<runner::Runner>(
                    std::vector<std::unique_ptr<runner::Backend>>(), audit)});
}

void check(std::string_view text, const std::optional<Answer>& answer) {
  const auto message = parse_json(text);
  if (answer) {
    const auto answered = ParsedJson::parse(answer->text, nullptr, /*allow_exceptions=*/false);
    const auto& first = answered.is_array() ? answered.at(0) : answered;
    if (first.is_discarded() || first.at("jsonrpc") != "2.0" ||
        first.contains("result") == first.contains("error")) {
      std::abort();
    }
  } else if (!message) {
    std::abort();
  }
  if (!message || !message->is_object() || !message->contains("id")) {
    return;
  }
  const auto& id = message->at("id");
  const bool is_usable =
      id.is_number() || (id.is_string() && id.get_ref<const std::string&>().size() <= max_id_bytes);
  const bool is_response = !message->contains("method") &&
                           (message->contains("result") || message->contains("error")) &&
                           string_member(*message, "jsonrpc") == "2.0";
  if (is_usable && !is_response && (!answer || ParsedJson::parse(answer->text).at("id") != id)) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Server server(workspace());
  const auto client = std::make_shared<Deaf>();
  LineReader lines(std::size_t{64} * 1024, {.on_line =
                                                [&](std::string_view line) {
                                                  const auto exchange = std::make_shared<Kept>();
                                                  server.receive(client, line, exchange);
                                                  check(line, exchange->wait());
                                                },
                                            .on_too_long = [] {}});
  lines.take({reinterpret_cast<const char*>(data), size});
  lines.end();
  return 0;
}
