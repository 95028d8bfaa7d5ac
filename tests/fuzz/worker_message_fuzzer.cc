// What a worker process sends to its parent. The first byte says which message it is to be.
// Whatever bytes come, decoding ends, and what it accepts is encoded to the same bytes again. A
// call is then made, as the parent would: over its own copy of the memory, by the real host
// functions under a policy that allows nothing, and must have no effect but an answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "host_functions/host_functions_impl.h"
#include "omnisandbox/policy.h"
#include "wasm/guest_run.h"
#include "wasm/host_module.h"
#include "wasm/worker/forwarded_calls.h"
#include "wasm/worker/host_messages.h"
#include "wasm/worker/messages.h"

namespace {

using namespace omnisandbox;
using namespace omnisandbox::wasm;
using namespace omnisandbox::wasm::worker;

// Enough for every function; more only makes the fuzzer slow.
constexpr std::size_t max_memory_bytes = 64 * 1024;

template <class Message>
void check(std::string_view bytes) {
  if (const auto message = decode<Message>(bytes); message && encode(*message) != bytes) {
    std::abort();
  }
}

void make_call(const Call& call) {
  static const auto functions = numbered_functions();
  static const Policy policy = *Policy::compile(Config{.max_output_bytes = 4096});
  if (call.function >= functions.size() || call.answer_from > call.memory.size() ||
      call.memory.size() + call.extra_bytes > max_memory_bytes) {
    return;
  }
  // Sleeping is what it is for, and nothing to see.
  if (functions[call.function]->name == "poll_oneoff") {
    return;
  }
  auto host_functions = HostFunctions::create(policy, {});
  if (!host_functions) {
    std::abort();
  }
  GuestRun run(*host_functions, *host_functions->impl().context);
  std::string memory(call.memory);
  memory.resize(memory.size() + call.extra_bytes);
  GuestCall guest_call{
      .run = run,
      .memory = GuestMemory({reinterpret_cast<std::uint8_t*>(memory.data()), memory.size()})};
  functions[call.function]->invoke(guest_call, call.arguments.data());
}

// As the parent does with it; nothing is allowed.
void check_host_request(std::string_view bytes) {
  const auto request = decode_host_request(bytes);
  if (!request) {
    return;
  }
  if (encode(*request) != bytes) {
    std::abort();
  }
  static const Policy policy = *Policy::compile(Config{.max_output_bytes = 4096});
  auto host_functions = HostFunctions::create(policy, {});
  if (!host_functions || perform(*host_functions, *request)) {
    std::abort();
  }
}

void check_host_answer(std::string_view bytes) {
  if (const auto answer = decode_host_answer(bytes); answer && encode(*answer) != bytes) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 16) {
    case 0:
      return check<Configure>(bytes), 0;
    case 1:
      return check<Hello>(bytes), 0;
    case 2:
      return check<Load>(bytes), 0;
    case 3:
      return check<Loaded>(bytes), 0;
    case 4:
      return check<Run>(bytes), 0;
    case 5:
      return check<CallReply>(bytes), 0;
    case 6:
      return check<Output>(bytes), 0;
    case 7:
      return check<Streams>(bytes), 0;
    case 8:
      return check<Finished>(bytes), 0;
    case 9:
      return check<Compiled>(bytes), 0;
    case 12:
      return check<List>(bytes), 0;
    case 13:
      return check<Listed>(bytes), 0;
    case 14:
      return check_host_request(bytes), 0;
    case 15:
      return check_host_answer(bytes), 0;
    default:
      break;
  }
  check<Call>(bytes);
  if (const auto call = decode<Call>(bytes)) {
    make_call(*call);
  }
  return 0;
}
