#include "host_functions/run_context.h"

#include <gtest/gtest.h>

#include <thread>

namespace omnisandbox::host_functions {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<RunContext> make_context(Config config, HostFunctionOptions options = {}) {
  auto policy = Policy::compile(std::move(config));
  EXPECT_TRUE(policy) << policy.error().message;
  auto context = RunContext::create(*policy, std::move(options));
  EXPECT_TRUE(context) << context.error().message;
  return std::move(*context);
}

Denial some_denial(std::string resource) {
  return Denial{.capability = Capability::fs_read,
                .resource = std::move(resource),
                .rule = {},
                .reason = "because",
                .remedy = {}};
}

class FailingSink final : public AuditSink {
 public:
  Expected<void> write(const AuditRecord&) override {
    return Error{.kind = ErrorKind::io, .message = "the disk is full", .resource = {}};
  }
};

TEST(RunContext, CountsCallsAndQuotas) {
  const auto context =
      make_context({.max_write_bytes = 100, .max_files_created = 2, .max_host_calls = 3});
  for (int call = 0; call < 3; ++call) {
    EXPECT_TRUE(context->begin_call());
  }
  EXPECT_EQ(context->begin_call().error().kind, ErrorKind::limit);
  EXPECT_TRUE(context->charge_write(60));
  EXPECT_EQ(context->charge_write(41).error().kind, ErrorKind::limit);
  EXPECT_TRUE(context->charge_write(40)) << "what was refused did not count";
  EXPECT_EQ(context->charge_write(~0ull).error().kind, ErrorKind::limit) << "no overflow";
  EXPECT_TRUE(context->charge_file_created());
  EXPECT_TRUE(context->charge_file_created());
  EXPECT_EQ(context->charge_file_created().error().kind, ErrorKind::limit);
}

TEST(RunContext, QuotaHoldsAcrossThreads) {
  const auto context = make_context({.max_write_bytes = 1'000});
  std::atomic<int> granted = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&] {
        for (int call = 0; call < 1'000; ++call) {
          granted += context->charge_write(1).has_value() ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(granted, 1'000);
}

TEST(RunContext, KnowsDeadlineAndStop) {
  std::stop_source stop;
  const auto late = make_context({}, {.deadline = std::chrono::steady_clock::now() - 1ms});
  EXPECT_EQ(late->begin_call().error().kind, ErrorKind::timeout);
  const auto context = make_context({}, {.stop = stop.get_token()});
  EXPECT_TRUE(context->begin_call());
  stop.request_stop();
  EXPECT_EQ(context->begin_call().error().kind, ErrorKind::cancelled);
}

TEST(RunContext, RecordsEachDecisionOnce) {
  std::vector<AuditRecord> records;
  const auto sink =
      make_callback_audit([&](const AuditRecord& record) { records.push_back(record); });
  const auto context = make_context({}, {.audit = sink, .run_id = "run", .sandbox = "wasm"});
  ASSERT_TRUE(context->granted(Capability::fs_read, "fs_read", "/a", "rule"));
  const Error refused = context->refused("fs_read", some_denial("/b"));
  EXPECT_EQ(refused.kind, ErrorKind::denied);
  const Error passed =
      context->pass_on("fs_read", Error{.kind = ErrorKind::io, .message = "io", .resource = {}});
  EXPECT_EQ(passed.kind, ErrorKind::io);
  const Error recorded = context->pass_on("fs_read", Error::from_denial(some_denial("/c")));
  EXPECT_EQ(recorded.kind, ErrorKind::denied);
  ASSERT_EQ(records.size(), 3u) << "an I/O error is no decision";
  EXPECT_TRUE(records[0].granted);
  EXPECT_EQ(records[0].run_id, "run");
  EXPECT_EQ(records[0].sandbox, "wasm");
  EXPECT_FALSE(records[1].granted);
  EXPECT_EQ(records[2].resource, "/c");
  EXPECT_EQ(context->denial_count(), 2u);
}

TEST(RunContext, KeepsABoundedListOfDenials) {
  const auto context = make_context({});
  for (int index = 0; index < 1'000; ++index) {
    static_cast<void>(context->refused("fs_read", some_denial("/" + std::to_string(index))));
  }
  EXPECT_EQ(context->denials().size(), max_reported_denials);
  EXPECT_EQ(context->denial_count(), 1'000u);
}

TEST(RunContext, WhatItsCommandsWereRefusedBelongsToTheRun) {
  const auto context = make_context({});
  static_cast<void>(context->refused("fs_read", some_denial("/own")));
  Result command;
  for (std::size_t index = 0; index < max_reported_denials; ++index) {
    command.denials.push_back(some_denial("/of the command"));
  }
  command.denial_count = 1'000;
  context->add_denials_of(command);
  EXPECT_EQ(context->denial_count(), 1'001u);
  ASSERT_EQ(context->denials().size(), max_reported_denials) << "no more than are reported";
  EXPECT_EQ(context->denials()[0].resource, "/own");
  EXPECT_EQ(context->denials()[1].resource, "/of the command");
}

TEST(RunContext, NoAuditNoRunWhereThePolicySaysSo) {
  auto policy = Policy::compile({.audit_required = true});
  ASSERT_TRUE(policy);
  EXPECT_EQ(RunContext::create(*policy, {}).error().kind, ErrorKind::unavailable);
  const auto context =
      make_context({.audit_required = true}, {.audit = std::make_shared<FailingSink>()});
  EXPECT_EQ(context->granted(Capability::fs_read, "fs_read", "/a", "rule").error().kind,
            ErrorKind::unavailable);
  const Error unrecorded = context->refused("fs_read", some_denial("/b"));
  EXPECT_EQ(unrecorded.kind, ErrorKind::unavailable) << "a denial is not recorded either";
  EXPECT_NE(unrecorded.message.find("the disk is full"), std::string::npos) << unrecorded.message;
  EXPECT_EQ(context->denial_count(), 1u);
  const auto lenient = make_context({}, {.audit = std::make_shared<FailingSink>()});
  EXPECT_TRUE(lenient->granted(Capability::fs_read, "fs_read", "/a", "rule"));
  EXPECT_EQ(lenient->refused("fs_read", some_denial("/b")).kind, ErrorKind::denied);
}

}  // namespace
}  // namespace omnisandbox::host_functions
