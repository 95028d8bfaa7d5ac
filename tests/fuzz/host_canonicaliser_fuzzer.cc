// Whatever is canonicalised has one spelling, and libcurl reads the same target out of it.
#include <curl/curl.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "policy/host/canonical_url.h"
#include "policy/host/host_rules.h"
#include "policy/host/ip_address.h"

namespace {

using omnisandbox::policy::CanonicalTarget;
using omnisandbox::policy::IpAddress;

void require(bool condition, const char* property, const CanonicalTarget& target) {
  if (condition) return;
  std::fprintf(stderr, "%s: %s\n", property, target.url.c_str());
  std::abort();
}

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, decltype(&curl_free)> owner(text, curl_free);
  return text;
}

void check_curl_agrees(const CanonicalTarget& target) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  require(curl_url_set(url.get(), CURLUPART_URL, target.url.c_str(),
                       CURLU_PATH_AS_IS | CURLU_DISALLOW_USER) == CURLUE_OK,
          "libcurl accepts the URL", target);
  require(part(url.get(), CURLUPART_HOST) == host_in_url(target), "libcurl reads the same host",
          target);
  require(part(url.get(), CURLUPART_SCHEME) == target.scheme, "libcurl reads the same scheme",
          target);
  require(part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT) == std::to_string(target.port),
          "libcurl reads the same port", target);
  require(part(url.get(), CURLUPART_PATH) == target.path, "libcurl reads the same path", target);
}

void check(const CanonicalTarget& target) {
  for (const char c : target.url)
    require(c > 0x20 && c < 0x7f && c != '\\', "the URL is plain ASCII", target);
  require(!target.host.empty() && target.host.size() <= 253,
          "the host has a length that DNS carries", target);
  require(target.path.starts_with('/'), "the path begins with a slash", target);
  require((target.path + "/").find("/../") == std::string::npos &&
              (target.path + "/").find("/./") == std::string::npos,
          "the path has no dot segment", target);
  const auto address = IpAddress::parse(target.host);
  require(address.has_value() == target.host_is_address, "an address is known as one", target);
  require(!address || address->to_string() == target.host, "an address has one spelling", target);
  const auto again = omnisandbox::policy::canonicalise_url(target.url);
  require(again && *again == target, "canonicalising twice changes nothing", target);
  check_curl_agrees(target);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto target = omnisandbox::policy::canonicalise_url(input)) check(*target);
  if (const auto target = omnisandbox::policy::canonicalise_url("http://" + std::string(input)))
    check(*target);
  static const auto base =
      omnisandbox::policy::canonicalise_url("https://base.example:8443/a/b/c?q");
  if (const auto target = omnisandbox::policy::canonicalise_reference(*base, input)) check(*target);
  (void)omnisandbox::policy::HostRules::compile({omnisandbox::HostRule(std::string(input))});
  return 0;
}
