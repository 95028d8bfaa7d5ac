#include "docker/engine_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "docker/engine/fake_engine.h"

namespace omnisandbox::docker {
namespace {

using test::FakeEngine;
using testing::Contains;
using testing::HasSubstr;

TEST(EngineReport, KnowsTheEscapesOfRunc) {
  for (const char* repaired :
       {"1.2.8", "1.2.9", "1.3.3", "1.3.4+ds1", "1.4.0", "2.0.0", "unknown"}) {
    EXPECT_TRUE(known_escapes_of_runc(repaired).empty()) << repaired;
  }
  for (const char* open : {"1.1.12", "1.2.7", "1.3.0", "1.3.2-1", "1.2.0-rc.1"}) {
    EXPECT_EQ(known_escapes_of_runc(open).size(), 3U) << open;
  }
  EXPECT_THAT(known_escapes_of_runc("1.1.5+ds1"), Contains("CVE-2024-21626"));
}

EngineReport report_of(const std::string& version, const std::string& info) {
  FakeEngine fake([&](std::string_view request) {
    return FakeEngine::http(request.find("/version") != std::string_view::npos ? version
                            : request.find("/info") != std::string_view::npos  ? info
                                                                               : "OK");
  });
  const Patience patience{.until = std::chrono::steady_clock::now() + std::chrono::seconds(10),
                          .stop = {}};
  const auto engine = Engine::find(fake.address(), patience);
  EXPECT_TRUE(engine);
  const auto report = report_on(**engine, patience);
  EXPECT_TRUE(report);
  return report.value_or(EngineReport{});
}

TEST(EngineReport, SaysWhatIsMissing) {
  const EngineReport weak = report_of(
      R"({"Version": "20.10.24", "Components": [{"Name": "runc", "Version": "1.1.5"}]})",
      R"({"MemoryLimit": false, "SwapLimit": false, "PidsLimit": true, "SecurityOptions": []})");
  EXPECT_THAT(weak.summary, HasSubstr("20.10.24"));
  EXPECT_THAT(weak.warnings, Contains(HasSubstr("CVE-2025-31133")));
  EXPECT_THAT(weak.warnings, Contains(HasSubstr("cannot limit memory")));
  EXPECT_THAT(weak.warnings, Contains(HasSubstr("swapaccount")));
  EXPECT_THAT(weak.warnings, Contains(HasSubstr("no seccomp")));
  EXPECT_THAT(weak.warnings, testing::Not(Contains(HasSubstr("limit processes"))));
  const EngineReport strong =
      report_of(R"({"Version": "29.0.0", "Components": [{"Name": "runc", "Version": "1.3.4"}]})",
                R"({"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"],
          "Runtimes": {"runc": {}, "runsc": {}}})");
  EXPECT_TRUE(strong.warnings.empty());
  EXPECT_THAT(strong.summary, HasSubstr("rootless"));
  EXPECT_THAT(strong.summary, HasSubstr("runc runsc"));
}

TEST(EngineReport, NamesPodmanAndItsRuntime) {
  FakeEngine fake([](std::string_view request) {
    const bool asks_version = request.find("/version") != std::string_view::npos;
    const std::string body = asks_version ? R"json({"Version": "4.3.1", "Components": [
        {"Name": "Podman Engine", "Version": "4.3.1"},
        {"Name": "OCI Runtime (runc)",
                    "Version"           : "runc version 1.1.5+ds1\ncommit: abc\n"}]})json"
                                          : R"({"SecurityOptions": ["name=seccomp"]})";
    return "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\n"
           "Content-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  });
  const Patience patience{.until = std::chrono::steady_clock::now() + std::chrono::seconds(10),
                          .stop = {}};
  const auto engine = Engine::find(fake.address(), patience);
  ASSERT_TRUE(engine) << engine.error().message;
  const auto report = report_on(**engine, patience);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->summary, HasSubstr("Podman 4.3.1, API 1.41, runc 1.1.5+ds1"));
  EXPECT_THAT(report->warnings, Contains(HasSubstr("CVE-2024-21626")));
}

TEST(EngineReport, OtherShapesAreSurvived) {
  for (const char* body : {"[]", "{}", "{\"Components\": [7, {\"Name\": []}], \"Runtimes\": [1]}",
                           "{\"SecurityOptions\": {\"a\": 1}}", "null"}) {
    report_of(body, body);
  }
}

}  // namespace
}  // namespace omnisandbox::docker
