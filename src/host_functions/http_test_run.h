#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host_functions/http_function.h"

/// A run for tests of http_fetch: a policy with these rules, and a record of every decision.
namespace omnisandbox::host_functions::test {

class HttpRun {
 public:
  explicit HttpRun(std::vector<HostRule> rules,
                   std::chrono::milliseconds timeout = std::chrono::seconds(20),
                   std::stop_token stop = {}, std::uint64_t max_response_bytes = 1024 * 1024,
                   std::uint64_t max_host_calls = 1000)
      : HttpRun(Config{.capabilities = {Capability::net_http},
                       .timeout = timeout,
                       .allowed_hosts = std::move(rules),
                       .max_response_bytes = max_response_bytes,
                       .max_host_calls = max_host_calls},
                std::move(stop)) {}

  explicit HttpRun(Config config, std::stop_token stop = {}) {
    auto policy = Policy::compile(std::move(config));
    if (!policy) throw std::runtime_error(policy.error().message);
    HostFunctionOptions options;
    options.audit =
        make_callback_audit([this](const AuditRecord& record) { records.push_back(record); });
    options.stop = std::move(stop);
    auto created = RunContext::create(*std::move(policy), std::move(options));
    if (!created) throw std::runtime_error(created.error().message);
    context = *std::move(created);
  }

  Expected<HttpResponse> fetch(const HttpRequest& request) {
    return host_functions::fetch(*context, request);
  }

  /// "200 body", or "kind: message".
  std::string answer(const HttpRequest& request) {
    const auto response = fetch(request);
    if (response) return std::to_string(response->status) + " " + response->body;
    return std::string(to_string(response.error().kind)) + ": " + response.error().message;
  }
  std::string answer(std::string url) { return answer(HttpRequest{.url = std::move(url)}); }

  /// "http_fetch yes", "http_fetch.redirect no", … in order.
  std::vector<std::string> decisions() const {
    std::vector<std::string> texts;
    for (const AuditRecord& record : records)
      texts.push_back(record.operation + (record.granted ? " yes" : " no"));
    return texts;
  }

  std::vector<AuditRecord> records;
  std::unique_ptr<RunContext> context;
};

}  // namespace omnisandbox::host_functions::test
