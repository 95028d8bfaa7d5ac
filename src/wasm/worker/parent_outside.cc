#include "wasm/worker/parent_outside.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "wasm/worker/call_packing.h"
#include "wasm/worker/host_messages.h"

namespace omnisandbox::wasm::worker {

std::uint64_t ParentOutside::call(Preview1Function function, GuestCall& call,
                                  std::span<const std::uint64_t> arguments) {
  const ForwardedCalls::Function* known = calls_.find(function);
  CallArguments values{};
  if (known == nullptr || arguments.size() > values.size()) {
    call.end_guest(GuestCall::End::failed);
    call.run.end_message = "a component's call is no preview 1 function";
    return 0;
  }
  std::copy(arguments.begin(), arguments.end(), values.begin());
  return side_.call_parent(*known, call, values);
}

Expected<HostAnswer> ParentOutside::ask(GuestRun& /*run*/, const HostRequest& request) {
  const std::string payload = encode(request);
  if (payload.size() > max_call_bytes) {
    return base::make_error(ErrorKind::too_large,
                            "the call has {} bytes; {} pass to a host function at once",
                            payload.size(), max_call_bytes);
  }
  const std::string_view reply =
      side_.exchange(MessageType::host_request, payload, MessageType::host_answer);
  auto answer = decode_host_answer(reply);
  if (!answer) {
    return base::make_error(ErrorKind::internal, "the host's answer cannot be read");
  }
  return std::move(*answer);
}

void ParentOutside::show_output(GuestRun& /*run*/, Moment moment) {
  side_.show_output(moment == Moment::about_to_wait ? 1 : output_piece_bytes);
}

}  // namespace omnisandbox::wasm::worker
