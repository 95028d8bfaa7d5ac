#include "host_functions/http_function.h"

#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "egress/address_guard.h"
#include "egress/http_client.h"
#include "egress/http_headers.h"
#include "policy/limits.h"

namespace omnisandbox::host_functions {
namespace {

using egress::HttpHead;
using egress::ReadOn;
using policy::CanonicalTarget;
using policy::IpAddress;

constexpr std::string_view operation = "http_fetch";
constexpr std::string_view redirect_operation = "http_fetch.redirect";
constexpr std::string_view connect_operation = "http_fetch.connect";

// Browsers follow 20; a caller may ask for more, within reason.
constexpr std::uint32_t max_redirects_ceiling = 50;
// A redirect's body is read to keep the connection; a longer one is not worth it.
constexpr std::uint64_t max_redirect_body_bytes = 64 * 1024;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// One request on its way: judges addresses under its own grant, and passes the body on.
class Hop final : public egress::HttpExchangeHandler {
 public:
  Hop(RunContext& context, const HttpRequest& request, const CanonicalTarget& target,
      const policy::CompiledPolicy::HttpGrant& grant, std::string_view asked_as,
      bool follows_redirects)
      : context_(context),
        request_(request),
        guard_(context.compiled(), target, grant, asked_as),
        follows_redirects_(follows_redirects) {}

  bool may_connect(const IpAddress& address) override {
    auto judged = guard_.judge(address);
    if (judged) return true;
    // libcurl may try an address more than once; it is one decision.
    if (refused_addresses_.insert(address).second) {
      Error error = context_.refused(connect_operation, std::move(judged).error());
      if (!refusal_) refusal_ = std::move(error);
    }
    return false;
  }

  Expected<ReadOn> on_body(const HttpHead& head, std::string_view piece) override {
    if (follows_redirects_ && is_redirect(head.status) &&
        egress::find_header(head.headers, "location") != nullptr) {
      dropped_bytes_ += piece.size();
      return dropped_bytes_ <= max_redirect_body_bytes ? ReadOn::yes : ReadOn::no;
    }
    if (!request_.on_body) {
      body_.append(piece);
    } else if (!request_.on_body(piece)) {
      return base::make_error(ErrorKind::cancelled, "the caller of http_fetch ended the transfer");
    }
    return ReadOn::yes;
  }

  /// The error of the first address that was refused, where one was.
  std::optional<Error>& refusal() { return refusal_; }
  std::string take_body() { return std::move(body_); }

 private:
  RunContext& context_;
  const HttpRequest& request_;
  egress::AddressGuard guard_;
  bool follows_redirects_;
  std::set<IpAddress> refused_addresses_;
  std::optional<Error> refusal_;
  std::string body_;
  std::uint64_t dropped_bytes_ = 0;
};

// A request and its redirects, each judged as a request of its own.
class Fetch {
 public:
  Fetch(RunContext& context, const HttpRequest& request)
      : context_(context), request_(request), body_(request.body) {}

  Expected<HttpResponse> run() {
    TRY(read_request());
    auto first_target = policy::canonicalise_url(request_.url);
    if (!first_target) return context_.pass_on(operation, std::move(first_target).error());
    CanonicalTarget target = *std::move(first_target);
    std::string asked_as = request_.url;
    for (std::uint32_t redirects = 0;; ++redirects) {
      const policy::CompiledPolicy::HttpGrant grant = TRY(judge(target, asked_as));
      Hop hop(context_, request_, target, grant, asked_as, request_.max_redirects > 0);
      HttpHead head = TRY(send(target, hop));
      const std::string* location =
          is_redirect(head.status) ? egress::find_header(head.headers, "location") : nullptr;
      if (location == nullptr || request_.max_redirects == 0) {
        return HttpResponse{head.status, std::move(head.headers), hop.take_body(),
                            std::move(target.url)};
      }
      if (redirects == request_.max_redirects) {
        return base::make_error(ErrorKind::limit, "{} {}: more than {} redirects (max_redirects)",
                                method_, base::printable(request_.url, 200),
                                request_.max_redirects);
      }
      CanonicalTarget next = TRY(redirect_target(target, *location));
      follow(head.status, policy::origin_of(target) == policy::origin_of(next));
      redirected_from_ = policy::origin_of(target);
      asked_as = next.url;
      target = std::move(next);
    }
  }

 private:
  Expected<void> read_request() {
    method_ = TRY(egress::canonical_method(request_.method));
    headers_ = TRY(egress::checked_headers(request_.headers));
    if (!body_.empty() && (method_ == "HEAD" || method_ == "TRACE")) {
      return base::make_error(ErrorKind::invalid_argument, "a {} request has no body", method_);
    }
    if (body_.size() > policy::max_buffer_bytes) {
      return base::make_error(ErrorKind::too_large, "the request's body is longer than {} bytes",
                              policy::max_buffer_bytes);
    }
    if (request_.max_redirects > max_redirects_ceiling) {
      return base::make_error(ErrorKind::invalid_argument,
                              "max_redirects is {}; at most {} are followed",
                              request_.max_redirects, max_redirects_ceiling);
    }
    return {};
  }

  std::string_view current_operation() const {
    return redirected_from_.empty() ? operation : redirect_operation;
  }

  Error refused(Denial denial) {
    if (!redirected_from_.empty())
      denial.reason += fmt::format(" (after a redirect from {})", redirected_from_);
    return context_.refused(current_operation(), std::move(denial));
  }

  Expected<policy::CompiledPolicy::HttpGrant> judge(const CanonicalTarget& target,
                                                    const std::string& asked_as) {
    auto grant = context_.compiled().judge_request(target, method_, asked_as);
    if (!grant) return refused(std::move(grant).error());
    // A server that obeys X-HTTP-Method-Override sees that method, so the policy must allow it,
    // too.
    for (const std::string& method : TRY(egress::overriding_methods(headers_))) {
      auto also = context_.compiled().judge_request(target, method, asked_as);
      if (!also) return refused(std::move(also).error());
    }
    TRY(context_.granted(Capability::net_http, current_operation(), asked_as, grant->rule));
    return *std::move(grant);
  }

  Expected<HttpHead> send(const CanonicalTarget& target, Hop& hop) {
    TRY(context_.check_time());
    auto client = TRY(context_.http_clients().take());
    auto head = client->exchange(
        egress::HttpExchange{
            .target = target,
            .method = method_,
            .headers = headers_,
            .body = body_,
            .max_body_bytes = context_.limits().max_response_bytes,
            .deadline = context_.deadline(),
            .stop = context_.stop(),
        },
        hop);
    if (head) {
      context_.http_clients().give_back(std::move(client));
      return head;
    }
    // No connection could be made, because the addresses to connect to were refused.
    if (head.error().kind == ErrorKind::io && hop.refusal()) return *std::move(hop.refusal());
    Error error = std::move(head).error();
    error.message =
        fmt::format("{} {}: {}", method_, base::printable(target.url, 200), error.message);
    error.resource = request_.url;
    return error;
  }

  Expected<CanonicalTarget> redirect_target(const CanonicalTarget& from,
                                            const std::string& location) {
    auto next = policy::canonicalise_reference(from, location);
    if (next) return *std::move(next);
    redirected_from_ = policy::origin_of(from);
    if (next.error().denial) return refused(*std::move(next).error().denial);
    Error error = base::make_error(ErrorKind::io,
                                   "{} {}: the server redirects to a place that cannot be used: {}",
                                   method_, base::printable(from.url, 200), next.error().message);
    error.resource = request_.url;
    return error;
  }

  // What the next request keeps (RFC 9110 section 15.4).
  void follow(int status, bool is_same_origin) {
    const bool becomes_get = (status == 303 && method_ != "GET" && method_ != "HEAD") ||
                             ((status == 301 || status == 302) && method_ == "POST");
    if (becomes_get) {
      method_ = "GET";
      body_ = {};
      egress::drop_body_headers(headers_);
    }
    if (!is_same_origin) egress::drop_for_other_origin(headers_);
  }

  RunContext& context_;
  const HttpRequest& request_;
  std::string method_;
  std::vector<HttpHeader> headers_;
  std::string_view body_;
  std::string
      redirected_from_;  // origin of the response that redirected; empty before the first redirect
};

}  // namespace

Expected<HttpResponse> fetch(RunContext& context, const HttpRequest& request) {
  TRY(context.begin_call());
  return Fetch(context, request).run();
}

}  // namespace omnisandbox::host_functions
