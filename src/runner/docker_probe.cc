#include "runner/docker_probe.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace omnisandbox::runner {
namespace {

using CurlHandle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

std::size_t ignore_body(char*, std::size_t size, std::size_t count, void*) { return size * count; }

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::string> engine_addresses() {
  if (const std::string host = variable("DOCKER_HOST"); !host.empty()) {
    return {host};
  }
  std::vector<std::string> addresses = {"unix:///var/run/docker.sock"};
  if (const std::string folder = variable("XDG_RUNTIME_DIR"); !folder.empty()) {
    addresses.push_back("unix://" + folder + "/docker.sock");
    addresses.push_back("unix://" + folder + "/podman/podman.sock");
  }
  return addresses;
}

Expected<void> ping(const std::string& address) {
  constexpr std::string_view unix_scheme = "unix://";
  constexpr std::string_view tcp_scheme = "tcp://";
  const CurlHandle curl(curl_easy_init(), &curl_easy_cleanup);
  if (!curl) {
    return base::make_error(ErrorKind::internal, "libcurl could not be set up");
  }
  std::string url = "http://engine/_ping";
  if (address.starts_with(unix_scheme)) {
    curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, address.c_str() + unix_scheme.size());
  } else if (address.starts_with(tcp_scheme)) {
    url = "http://" + address.substr(tcp_scheme.size()) + "/_ping";
  } else {
    return base::make_error(ErrorKind::unavailable,
                            "{}: only unix:// and tcp:// addresses can be asked",
                            base::printable(address));
  }
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, docker_probe_timeout_ms);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &ignore_body);
  if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK) {
    return base::make_error(ErrorKind::unavailable, "{}: {}", base::printable(address),
                            curl_easy_strerror(code));
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  constexpr long status_ok = 200;
  if (status != status_ok) {
    return base::make_error(ErrorKind::unavailable, "{}: answered with status {}",
                            base::printable(address), status);
  }
  return {};
}

}  // namespace

Expected<std::string> probe_docker() {
  std::string problems;
  for (const std::string& address : engine_addresses()) {
    auto answer = ping(address);
    if (answer) {
      return address;
    }
    problems += (problems.empty() ? "" : "; ") + answer.error().message;
  }
  return base::make_error(ErrorKind::unavailable, "{}", problems);
}

Expected<std::string> certificate_authorities() {
  const CurlHandle curl(curl_easy_init(), &curl_easy_cleanup);
  char* file = nullptr;
  if (!curl || curl_easy_getinfo(curl.get(), CURLINFO_CAINFO, &file) != CURLE_OK ||
      file == nullptr) {
    return base::make_error(ErrorKind::unavailable,
                            "libcurl names no file of certificate authorities");
  }
  std::error_code problem;
  const auto size = std::filesystem::file_size(file, problem);
  if (problem || size == 0) {
    return base::make_error(ErrorKind::unavailable, "{}: {}", file,
                            problem ? problem.message() : "the file is empty");
  }
  return std::string(file);
}

}  // namespace omnisandbox::runner
