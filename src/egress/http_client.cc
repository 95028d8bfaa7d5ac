#include "egress/http_client.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "egress/curl_library.h"
#include "egress/http_headers.h"
#include "egress/response_head.h"
#include "omnisandbox/version.h"

namespace omnisandbox::egress {
namespace {

// Clients kept between the calls of one run; more threads than this at once pay for a new one.
constexpr std::size_t max_idle_clients = 4;
// Connections kept by one client.
constexpr long max_kept_connections = 8;
// A safety net under the wake-up calls: how long a wait may last before the clock and the stop
// token are looked at again.
constexpr std::chrono::milliseconds longest_wait{500};

template <auto function>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const noexcept {
    (curl().*function)(pointer);
  }
};
using Easy = std::unique_ptr<CURL, Deleter<&CurlFunctions::easy_cleanup>>;
using Multi = std::unique_ptr<CURLM, Deleter<&CurlFunctions::multi_cleanup>>;
using CurlUrl = std::unique_ptr<CURLU, Deleter<&CurlFunctions::url_cleanup>>;
using HeaderList = std::unique_ptr<curl_slist, Deleter<&CurlFunctions::slist_free_all>>;
using CurlText = std::unique_ptr<char, Deleter<&CurlFunctions::free>>;

Error out_of_memory() {
  return base::make_error(ErrorKind::unavailable, "there is no memory left for an HTTP request");
}

// What the callbacks of one transfer share.
struct Transfer {
  const HttpExchange& exchange;
  HttpExchangeHandler& handler;
  ResponseHead head{};
  std::uint64_t body_bytes = 0;
  bool ended_early = false;      // the handler has seen enough
  std::optional<Error> error{};  // why a callback ended the transfer

  // Runs `action` where no exception may escape; false when it threw.
  template <class Action>
  bool guarded(Action&& action) noexcept {
    try {
      action();
      return true;
    } catch (const std::exception& exception) {
      error = base::make_error(ErrorKind::internal, "a callback of an HTTP request threw: {}",
                               base::printable(exception.what(), 200));
    } catch (...) {
      error = base::make_error(ErrorKind::internal, "a callback of an HTTP request threw");
    }
    return false;
  }
};

curl_socket_t open_socket(void* user_data, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(user_data);
  const auto ip = policy::IpAddress::from_sockaddr(&address->addr, address->addrlen);
  bool allowed = false;
  if (!ip || !transfer.guarded([&] { allowed = transfer.handler.may_connect(*ip); }) || !allowed)
    return CURL_SOCKET_BAD;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Before each request, also on a kept connection, which was opened for another request and perhaps
// under another rule.
int before_request(void* user_data, char* peer_address, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(user_data);
  const auto ip = policy::IpAddress::parse(peer_address == nullptr ? "" : peer_address);
  bool allowed = false;
  const bool asked = ip && transfer.guarded([&] { allowed = transfer.handler.may_connect(*ip); });
  return asked && allowed ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user_data) {
  auto& transfer = *static_cast<Transfer*>(user_data);
  const bool added = transfer.guarded([&] {
    if (auto result = transfer.head.add_line(std::string_view(data, size)); !result)
      transfer.error = std::move(result).error();
  });
  return added && !transfer.error ? size : CURL_WRITEFUNC_ERROR;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user_data) {
  auto& transfer = *static_cast<Transfer*>(user_data);
  transfer.guarded([&] {
    const std::uint64_t limit = transfer.exchange.max_body_bytes;
    transfer.body_bytes += size;
    if (transfer.body_bytes > limit) {
      transfer.error = base::make_error(
          ErrorKind::too_large, "the response's body is longer than {} bytes (max_response_bytes)",
          limit);
      return;
    }
    auto next = transfer.handler.on_body(transfer.head.head(), std::string_view(data, size));
    if (!next) {
      transfer.error = std::move(next).error();
    } else if (*next == ReadOn::no) {
      transfer.ended_early = true;
    }
  });
  return transfer.error || transfer.ended_early ? CURL_WRITEFUNC_ERROR : size;
}

// Collects failures of curl_easy_setopt, each of which would leave a default in force.
class Options {
 public:
  explicit Options(CURL* easy) : easy_(easy) {}
  template <class Value>
  void set(CURLoption option, Value value) {
    const CURLcode code = curl().easy_setopt(easy_, option, value);
    if (code != CURLE_OK && code_ == CURLE_OK) code_ = code;
  }
  Expected<void> result() const {
    if (code_ == CURLE_OK) return {};
    return base::make_error(ErrorKind::unavailable,
                            "libcurl refuses a setting that http_fetch needs: {}",
                            curl().easy_strerror(code_));
  }

 private:
  CURL* easy_;
  CURLcode code_ = CURLE_OK;
};

void set_isolation(Options& options) {
  options.set(CURLOPT_PROTOCOLS_STR, "http,https");
  options.set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  options.set(CURLOPT_FOLLOWLOCATION, 0L);
  options.set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  options.set(CURLOPT_PATH_AS_IS, 1L);
  options.set(CURLOPT_PROXY, "");  // empty, not unset: the environment is not asked
  options.set(CURLOPT_NOPROXY, "*");
  options.set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  options.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  options.set(CURLOPT_HTTP09_ALLOWED, 0L);
  options.set(CURLOPT_SSL_VERIFYPEER, 1L);
  options.set(CURLOPT_SSL_VERIFYHOST, 2L);
  options.set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  options.set(CURLOPT_NOSIGNAL, 1L);
  // A name lookup cannot be interrupted; without this, ending a transfer would wait for it.
  options.set(CURLOPT_QUICK_EXIT, 1L);
}

// The wait ends at the deadline; libcurl's own limit on connecting must not come first.
void set_connect_timeout(Options& options, const HttpExchange& exchange) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(exchange.deadline -
                                                                 std::chrono::steady_clock::now());
  const auto wait = std::clamp<std::chrono::milliseconds>(left, std::chrono::milliseconds(1),
                                                          std::chrono::hours(24 * 20));
  options.set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(wait.count()));
}

void set_callbacks(Options& options, Transfer& transfer) {
  options.set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  options.set(CURLOPT_OPENSOCKETDATA, &transfer);
  options.set(CURLOPT_PREREQFUNCTION, before_request);
  options.set(CURLOPT_PREREQDATA, &transfer);
  options.set(CURLOPT_HEADERFUNCTION, on_header);
  options.set(CURLOPT_HEADERDATA, &transfer);
  options.set(CURLOPT_WRITEFUNCTION, on_body);
  options.set(CURLOPT_WRITEDATA, &transfer);
}

// The framing follows from the method and the body alone.
void set_request(Options& options, const HttpExchange& exchange, const std::string& method) {
  const bool expects_body = method == "POST" || method == "PUT" || method == "PATCH";
  if (method == "HEAD") {
    options.set(CURLOPT_NOBODY, 1L);
  } else if (expects_body || !exchange.body.empty()) {
    options.set(CURLOPT_POST, 1L);
    options.set(CURLOPT_POSTFIELDS, exchange.body.empty() ? "" : exchange.body.data());
    options.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(exchange.body.size()));
  } else {
    options.set(CURLOPT_HTTPGET, 1L);
  }
  options.set(CURLOPT_CUSTOMREQUEST, method.c_str());
  options.set(CURLOPT_ACCEPT_ENCODING, "");  // every encoding that this libcurl can undo
}

bool append(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl().slist_append(list.get(), line.c_str());
  if (longer == nullptr) return false;
  (void)list.release();
  list.reset(longer);
  return true;
}

Expected<HeaderList> header_list(const HttpExchange& exchange) {
  HeaderList list;
  bool complete = append(list, "Expect:");  // no waiting for "100 Continue"
  // libcurl would call a body a form, and itself nothing.
  if (find_header(exchange.headers, "content-type") == nullptr)
    complete = complete && append(list, "Content-Type:");
  if (find_header(exchange.headers, "user-agent") == nullptr) {
    complete = complete && append(list, fmt::format("User-Agent: omnisandbox/{}", version()));
  }
  for (const HttpHeader& header : exchange.headers) {
    // "Name;" is how libcurl is told of an empty value.
    complete = complete && append(list, header.value.empty()
                                            ? header.name + ";"
                                            : fmt::format("{}: {}", header.name, header.value));
  }
  if (!complete) return out_of_memory();
  return list;
}

std::string url_part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl().url_get(url, part, &text, flags) != CURLUE_OK) return {};
  const CurlText owner(text);
  return text;
}

// libcurl's own reading of the URL must be the judged one; both come from the same parts, so that a
// difference is a defect.
Expected<CurlUrl> checked_url(const policy::CanonicalTarget& target) {
  CurlUrl url(curl().url());
  if (url == nullptr) return out_of_memory();
  const CURLUcode code = curl().url_set(url.get(), CURLUPART_URL, target.url.c_str(),
                                        CURLU_PATH_AS_IS | CURLU_DISALLOW_USER);
  const bool agrees =
      code == CURLUE_OK && url_part(url.get(), CURLUPART_SCHEME) == target.scheme &&
      url_part(url.get(), CURLUPART_HOST) == policy::host_in_url(target) &&
      url_part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT) == fmt::format("{}", target.port) &&
      url_part(url.get(), CURLUPART_PATH) == target.path;
  if (!agrees) {
    return base::make_error(
        ErrorKind::internal,
        "libcurl reads the URL \"{}\" in another way than it was judged; nothing was sent",
        base::printable(target.url, 200));
  }
  return url;
}

Error transport_error(CURLcode code, const char* detail) {
  const std::string text =
      base::printable(*detail == '\0' ? curl().easy_strerror(code) : detail, 300);
  if (code == CURLE_OPERATION_TIMEDOUT) return base::make_error(ErrorKind::timeout, "{}", text);
  // How libcurl 7.88 reports a header line beyond its own bound of 100 KiB.
  if (code == CURLE_OUT_OF_MEMORY) {
    return base::make_error(ErrorKind::too_large,
                            "the response's headers have a line that is too long");
  }
  if (code == CURLE_PEER_FAILED_VERIFICATION) {
    return base::make_error(ErrorKind::io, "the server's certificate is not trusted: {}", text);
  }
  if (code == CURLE_COULDNT_RESOLVE_HOST)
    return base::make_error(ErrorKind::io, "the name cannot be resolved: {}", text);
  return base::make_error(ErrorKind::io, "{}", text);
}

}  // namespace

class HttpClient::Impl {
 public:
  Impl(Multi multi, Easy easy) : multi_(std::move(multi)), easy_(std::move(easy)) {}

  Expected<HttpHead> exchange(const HttpExchange& exchange, HttpExchangeHandler& handler) {
    Transfer transfer{exchange, handler};
    const CurlUrl url = TRY(checked_url(exchange.target));
    const HeaderList headers = TRY(header_list(exchange));
    const std::string method(exchange.method);
    std::array<char, CURL_ERROR_SIZE> detail{};

    curl().easy_reset(easy_.get());
    Options options(easy_.get());
    set_isolation(options);
    set_connect_timeout(options, exchange);
    set_callbacks(options, transfer);
    set_request(options, exchange, method);
    options.set(CURLOPT_CURLU, url.get());
    options.set(CURLOPT_HTTPHEADER, headers.get());
    options.set(CURLOPT_ERRORBUFFER, detail.data());
    TRY(options.result());

    auto code = drive(exchange);
    // The handle must forget what lives on this stack.
    curl().easy_reset(easy_.get());
    if (transfer.error) return *std::move(transfer.error);
    if (!code) return std::move(code).error();
    if (*code != CURLE_OK && !transfer.ended_early) return transport_error(*code, detail.data());
    return std::move(transfer.head).take();
  }

 private:
  // Runs the transfer to its end, to the deadline or to a stop.
  Expected<CURLcode> drive(const HttpExchange& exchange) {
    if (curl().multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) return out_of_memory();
    auto code = wait_for_end(exchange);
    curl().multi_remove_handle(multi_.get(), easy_.get());
    return code;
  }

  Expected<CURLcode> wait_for_end(const HttpExchange& exchange) {
    const std::stop_callback wake_up(exchange.stop, [this] { curl().multi_wakeup(multi_.get()); });
    while (true) {
      int running = 0;
      const CURLMcode performed = curl().multi_perform(multi_.get(), &running);
      if (performed != CURLM_OK) {
        return base::make_error(ErrorKind::io, "{}", curl().multi_strerror(performed));
      }
      int remaining_messages = 0;
      while (const CURLMsg* message = curl().multi_info_read(multi_.get(), &remaining_messages)) {
        if (message->msg == CURLMSG_DONE) return message->data.result;
      }
      if (exchange.stop.stop_requested())
        return base::make_error(ErrorKind::cancelled, "the run was cancelled");
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(
          exchange.deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0)
        return base::make_error(ErrorKind::timeout, "the deadline of the run has passed");
      curl().multi_poll(multi_.get(), nullptr, 0,
                        static_cast<int>(std::min(left, longest_wait).count()), nullptr);
    }
  }

  Multi multi_;  // declared first, so that the easy handle goes before it
  Easy easy_;
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

Expected<std::unique_ptr<HttpClient>> HttpClient::create() {
  TRY(load_curl());
  Multi multi(curl().multi_init());
  Easy easy(curl().easy_init());
  if (multi == nullptr || easy == nullptr) return out_of_memory();
  curl().multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, max_kept_connections);
  return std::unique_ptr<HttpClient>(
      new HttpClient(std::make_unique<Impl>(std::move(multi), std::move(easy))));
}

Expected<HttpHead> HttpClient::exchange(const HttpExchange& exchange,
                                        HttpExchangeHandler& handler) {
  return impl_->exchange(exchange, handler);
}

Expected<std::unique_ptr<HttpClient>> HttpClientPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto client = std::move(idle_.back());
      idle_.pop_back();
      return client;
    }
  }
  return HttpClient::create();
}

void HttpClientPool::give_back(std::unique_ptr<HttpClient> client) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < max_idle_clients) idle_.push_back(std::move(client));
}

}  // namespace omnisandbox::egress
