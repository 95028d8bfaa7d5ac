#include "runner/docker_probe.h"

#include <curl/curl.h>

#include <filesystem>
#include <memory>
#include <system_error>

#include "base/error.h"
#include "base/try.h"

namespace omnisandbox::runner {
namespace {

using CurlHandle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

}  // namespace

Expected<docker::EngineReport> probe_docker() {
  const docker::Patience patience{.until = std::chrono::steady_clock::now() + docker_probe_time,
                                  .stop = {}};
  const auto engine = TRY(docker::Engine::find({}, patience));
  return docker::report_on(*engine, patience);
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
