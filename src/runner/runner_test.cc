#include "runner/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace omnisandbox::runner {
namespace {

using testing::HasSubstr;

/// Says that it ran, and with what; for showing what the runner lets through.
class RecordingBackend final : public Backend {
 public:
  RecordingBackend(SandboxKind kind, int& runs) : kind_(kind), runs_(runs) {}
  SandboxKind kind() const noexcept override { return kind_; }
  Expected<Result> run(const Policy&, const RunRequest& request,
                       std::shared_ptr<AuditSink>) const override {
    ++runs_;
    Result result;
    result.status = Status::ok;
    result.stdout_data = request.target;
    return result;
  }

 private:
  SandboxKind kind_;
  int& runs_;
};

struct Fixture {
  std::vector<AuditRecord> records;
  std::shared_ptr<AuditSink> audit =
      make_callback_audit([this](const AuditRecord& record) { records.push_back(record); });
  int runs = 0;

  Runner with(SandboxKind kind) {
    std::vector<std::unique_ptr<Backend>> backends;
    backends.push_back(std::make_unique<RecordingBackend>(kind, runs));
    return Runner(std::move(backends), audit);
  }
};

Policy compiled(Config config) {
  auto policy = Policy::compile(std::move(config));
  EXPECT_TRUE(policy) << (policy ? "" : policy.error().message);
  return *std::move(policy);
}

Policy policy_for_true() {
  return compiled({.capabilities = {Capability::exec_run}, .allowed_commands = {"true"}});
}

TEST(Runner, AModuleNeedsNoCapability) {
  Fixture fixture;
  const Runner runner = fixture.with(SandboxKind::wasm);
  const Result result = runner.run(compiled({}), {.target = "tool.wasm"});
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(fixture.runs, 1);
}

TEST(Runner, AnUnlistedCommandIsDeniedBeforeAnyBackendSeesIt) {
  Fixture fixture;
  const Runner runner = fixture.with(SandboxKind::process);
  const Result result =
      runner.run(policy_for_true(), {.sandbox = SandboxKind::process, .target = "false"});
  EXPECT_EQ(result.status, Status::denied);
  EXPECT_EQ(fixture.runs, 0);
  ASSERT_EQ(result.denials.size(), 1U);
  EXPECT_EQ(result.denials[0].capability, Capability::exec_run);
  ASSERT_EQ(fixture.records.size(), 2U);
  EXPECT_FALSE(fixture.records[0].granted);
  EXPECT_EQ(fixture.records[1].status, Status::denied);
  EXPECT_EQ(fixture.records[0].run_id, result.run_id);
  EXPECT_EQ(fixture.records[1].run_id, result.run_id);
}

TEST(Runner, AListedCommandReachesItsBackend) {
  Fixture fixture;
  const Runner runner = fixture.with(SandboxKind::process);
  const Result result =
      runner.run(policy_for_true(), {.sandbox = SandboxKind::process, .target = "true"});
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(fixture.runs, 1);
  ASSERT_EQ(fixture.records.size(), 1U);
  EXPECT_TRUE(fixture.records[0].granted);
}

TEST(Runner, AnAllowedCommandWithoutABackendIsUnavailable) {
  Fixture fixture;
  const Runner runner = fixture.with(SandboxKind::wasm);
  const Result result =
      runner.run(policy_for_true(), {.sandbox = SandboxKind::process, .target = "true"});
  EXPECT_EQ(result.status, Status::failed);
  EXPECT_EQ(fixture.runs, 0);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind, ErrorKind::unavailable);
  EXPECT_THAT(result.error->message, HasSubstr("no process sandbox"));
}

TEST(Runner, InAContainerCommandsMatchByName) {
  Fixture fixture;
  const Runner runner = fixture.with(SandboxKind::docker);
  const Policy policy =
      compiled({.capabilities = {Capability::exec_run}, .allowed_commands = {"only-in-the-image"}});
  EXPECT_EQ(
      runner.run(policy, {.sandbox = SandboxKind::docker, .target = "only-in-the-image"}).status,
      Status::ok);
  EXPECT_EQ(runner.run(policy, {.sandbox = SandboxKind::docker, .target = "other"}).status,
            Status::denied);
  EXPECT_EQ(fixture.runs, 1);
}

TEST(Runner, AContainersNetworkNeedsNetHttp) {
  Fixture fixture;
  const Runner runner = fixture.with(SandboxKind::docker);
  Config config{.capabilities = {Capability::exec_run}, .allowed_commands = {"true"}};
  const RunRequest request{.sandbox = SandboxKind::docker,
                           .target = "true",
                           .container = {.network_mode = NetworkMode::bridge}};
  const Result refused = runner.run(compiled(config), request);
  EXPECT_EQ(refused.status, Status::denied);
  ASSERT_EQ(refused.denials.size(), 1U);
  EXPECT_EQ(refused.denials[0].capability, Capability::net_http);
  EXPECT_EQ(fixture.runs, 0);
  config.capabilities.push_back(Capability::net_http);
  config.allowed_hosts = {"api.example.com"};
  EXPECT_EQ(runner.run(compiled(config), request).status, Status::ok);
}

TEST(Runner, ANarrowedPolicyNeedsBothLayers) {
  Fixture fixture;
  const Runner runner = fixture.with(SandboxKind::docker);
  const Policy wide =
      compiled({.capabilities = {Capability::exec_run}, .allowed_commands = {"one", "two"}});
  auto narrow =
      wide.narrow({.capabilities = {Capability::exec_run}, .allowed_commands = {"two", "three"}});
  ASSERT_TRUE(narrow);
  const auto status_of = [&](const char* command) {
    return runner.run(*narrow, {.sandbox = SandboxKind::docker, .target = command}).status;
  };
  EXPECT_EQ(status_of("one"), Status::denied);
  EXPECT_EQ(status_of("two"), Status::ok);
  EXPECT_EQ(status_of("three"), Status::denied);
}

TEST(Runner, ADemandedAuditThatIsMissingStopsEverything) {
  int runs = 0;
  std::vector<std::unique_ptr<Backend>> backends;
  backends.push_back(std::make_unique<RecordingBackend>(SandboxKind::wasm, runs));
  const Runner runner(std::move(backends), nullptr);
  const Result result = runner.run(compiled({.audit_required = true}), {.target = "tool.wasm"});
  EXPECT_EQ(result.status, Status::failed);
  EXPECT_EQ(result.error->kind, ErrorKind::unavailable);
  EXPECT_EQ(runs, 0);
}

class FailingSink final : public AuditSink {
 public:
  Expected<void> write(const AuditRecord&) override {
    return base::make_error(ErrorKind::io, "the disk is full");
  }
};

TEST(Runner, ALostRecordStopsTheRunWhereAuditIsDemanded) {
  for (const bool required : {true, false}) {
    int runs = 0;
    std::vector<std::unique_ptr<Backend>> backends;
    backends.push_back(std::make_unique<RecordingBackend>(SandboxKind::docker, runs));
    const Runner runner(std::move(backends), std::make_shared<FailingSink>());
    const Result result = runner.run(compiled({.capabilities = {Capability::exec_run},
                                               .allowed_commands = {"true"},
                                               .audit_required = required}),
                                     {.sandbox = SandboxKind::docker, .target = "true"});
    EXPECT_EQ(runs, required ? 0 : 1);
    EXPECT_EQ(result.status, required ? Status::failed : Status::ok);
  }
}

TEST(Runner, ACallReportsItsDenialsAndItsOutcome) {
  Fixture fixture;
  const Runner runner = fixture.with(SandboxKind::wasm);
  const CallRequest request{
      .function = "fs_read",
      .resource = "/etc/hostname",
      .deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30)};
  const Result result =
      runner.call(compiled({}), request, [](HostFunctions& functions) -> Expected<Result> {
        auto content = functions.fs_read("/etc/hostname");
        return content ? Expected<Result>(Result{}) : Expected<Result>(std::move(content).error());
      });
  EXPECT_EQ(result.status, Status::denied);
  ASSERT_EQ(result.denials.size(), 1U);
  EXPECT_EQ(result.denials[0].capability, Capability::fs_read);
  ASSERT_EQ(fixture.records.size(), 2U);
  EXPECT_EQ(fixture.records[0].event, AuditRecord::Event::decision);
  EXPECT_EQ(fixture.records[1].event, AuditRecord::Event::outcome);
  EXPECT_EQ(fixture.records[1].run_id, fixture.records[0].run_id);
}

}  // namespace
}  // namespace omnisandbox::runner
