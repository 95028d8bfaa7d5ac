#include "egress/curl_library.h"

#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/shared_library.h"

namespace omnisandbox::egress {
namespace {

// The major version of the interface that curl/curl.h describes; it has not changed since 2006.
constexpr const char* library_name = "libcurl.so.4";

CurlFunctions& functions() noexcept {
  static CurlFunctions table{};
  return table;
}

Expected<void> load() {
  const auto library = TRY(linux_::SharedLibrary::open(library_name));
  CurlFunctions& table = functions();
  const bool has_all =
      library.find("curl_global_init", table.global_init) &&
      library.find("curl_easy_init", table.easy_init) &&
      library.find("curl_easy_cleanup", table.easy_cleanup) &&
      library.find("curl_easy_setopt", table.easy_setopt) &&
      library.find("curl_easy_getinfo", table.easy_getinfo) &&
      library.find("curl_easy_reset", table.easy_reset) &&
      library.find("curl_easy_strerror", table.easy_strerror) &&
      library.find("curl_multi_init", table.multi_init) &&
      library.find("curl_multi_cleanup", table.multi_cleanup) &&
      library.find("curl_multi_setopt", table.multi_setopt) &&
      library.find("curl_multi_add_handle", table.multi_add_handle) &&
      library.find("curl_multi_remove_handle", table.multi_remove_handle) &&
      library.find("curl_multi_perform", table.multi_perform) &&
      library.find("curl_multi_poll", table.multi_poll) &&
      library.find("curl_multi_wakeup", table.multi_wakeup) &&
      library.find("curl_multi_info_read", table.multi_info_read) &&
      library.find("curl_multi_strerror", table.multi_strerror) &&
      library.find("curl_slist_append", table.slist_append) &&
      library.find("curl_slist_free_all", table.slist_free_all) &&
      library.find("curl_url", table.url) && library.find("curl_url_cleanup", table.url_cleanup) &&
      library.find("curl_url_set", table.url_set) && library.find("curl_url_get", table.url_get) &&
      library.find("curl_free", table.free);
  if (!has_all) {
    return base::make_error(ErrorKind::unavailable,
                            "{} lacks a function that http_fetch needs; 7.87 or newer has all",
                            library_name);
  }
  const CURLcode started = table.global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) {
    return base::make_error(ErrorKind::unavailable, "libcurl does not start: {}",
                            table.easy_strerror(started));
  }
  return {};
}

}  // namespace

Expected<void> load_curl() {
  static std::mutex mutex;
  static std::optional<Expected<void>> outcome;  // guarded by the mutex
  const std::lock_guard lock(mutex);
  if (!outcome) {
    outcome = load();
  }
  return *outcome;
}

const CurlFunctions& curl() noexcept { return functions(); }

}  // namespace omnisandbox::egress
