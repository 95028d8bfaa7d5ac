#include "runner/docker_probe.h"

#include <filesystem>
#include <memory>
#include <system_error>

#include "base/error.h"
#include "base/try.h"
#include "egress/curl_library.h"

namespace omnisandbox::runner {
namespace {

using CurlHandle = std::unique_ptr<CURL, decltype(egress::CurlFunctions::easy_cleanup)>;

}  // namespace

Expected<docker::EngineReport> probe_docker() {
  const docker::Patience patience{.until = std::chrono::steady_clock::now() + docker_probe_time,
                                  .stop = {}};
  const auto engine = TRY(docker::Engine::find({}, patience));
  return docker::report_on(*engine, patience);
}

Expected<std::string> certificate_authorities() {
  TRY(egress::load_curl());
  const egress::CurlFunctions& curl = egress::curl();
  const CurlHandle handle(curl.easy_init(), curl.easy_cleanup);
  char* file = nullptr;
  if (!handle || curl.easy_getinfo(handle.get(), CURLINFO_CAINFO, &file) != CURLE_OK ||
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
