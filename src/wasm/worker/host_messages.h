#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "omnisandbox/expected.h"
#include "wasm/host_request.h"

/// The payloads of MessageType::host_request and host_answer: what a component asks of the host
/// functions, and what they return.
namespace omnisandbox::wasm::worker {

std::string encode(const HostRequest& request);
/// Empty for what is not exactly one request. Views point into `bytes`.
std::optional<HostRequest> decode_host_request(std::string_view bytes);

std::string encode(const Expected<HostAnswer>& answer);
std::optional<Expected<HostAnswer>> decode_host_answer(std::string_view bytes);

}  // namespace omnisandbox::wasm::worker
