#include "mcp/call.h"

#include <gmock/gmock.h>

#include "mcp/limits.h"
#include "mcp/recording_exchange.h"

namespace omnisandbox::mcp {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct Fixture {
  explicit Fixture(Call::Terms terms = {.id = 7, .progress_token = "token"})
      : exchange(std::make_shared<RecordingExchange>()), call(std::move(terms), exchange) {}
  std::shared_ptr<RecordingExchange> exchange;
  Call call;
  const std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now();
};

TEST(Call, TheFirstAnswerGoesOutAndNothingAfterIt) {
  Fixture fixture({.id = 7, .log_level = LogLevel::info});
  fixture.call.log(LogLevel::debug, "too little");
  fixture.call.log(LogLevel::info, "said");
  fixture.call.finish(result_answer(7, {{"first", true}}));
  fixture.call.finish(result_answer(7, {{"second", true}}));
  fixture.call.log(LogLevel::error, "too late");
  fixture.call.cancel();
  EXPECT_TRUE(fixture.call.has_ended());
  ASSERT_THAT(fixture.exchange->notifications(), SizeIs(1));
  EXPECT_THAT(fixture.exchange->notifications()[0], HasSubstr("\"said\""));
  EXPECT_EQ(fixture.exchange->finished(), 1);
  EXPECT_THAT(fixture.exchange->answer()->text, HasSubstr("first"));
}

TEST(Call, ACancelledOneIsNotAnsweredAndItsWorkIsToldToStop) {
  Fixture fixture;
  fixture.call.cancel();
  fixture.call.finish(result_answer(7, Json::object()));
  EXPECT_TRUE(fixture.call.stop_token().stop_requested());
  EXPECT_EQ(fixture.exchange->finished(), 1);
  EXPECT_FALSE(fixture.exchange->answer());
}

TEST(Call, ProgressIsSentWhenItTakesLongAndOnlyWhereItIsAskedFor) {
  Fixture fixture;
  Fixture silent({.id = 7});
  for (Fixture* each : {&fixture, &silent}) {
    each->call.start(each->now + std::chrono::seconds(60));
    each->call.report_stage("compiling");
    EXPECT_TRUE(each->call.tick(each->now));
    EXPECT_TRUE(each->call.tick(each->now + 2 * progress_interval));
  }
  ASSERT_THAT(fixture.exchange->notifications(), SizeIs(1));
  const Json progress = Json::parse(fixture.exchange->notifications()[0]);
  EXPECT_EQ(progress["method"], "notifications/progress");
  EXPECT_EQ(progress["params"]["progressToken"], "token");
  EXPECT_EQ(progress["params"]["message"], "compiling");
  EXPECT_GT(progress["params"]["progress"], 0);
  EXPECT_GT(progress["params"]["total"], progress["params"]["progress"]);
  EXPECT_THAT(silent.exchange->notifications(), IsEmpty());
}

TEST(Call, OneThatIsBlockedBeyondItsDeadlineIsAnsweredWithoutIt) {
  Fixture fixture;
  fixture.call.start(fixture.now);
  fixture.call.report_stage("reading");
  EXPECT_TRUE(fixture.call.tick(fixture.now));
  EXPECT_FALSE(fixture.call.tick(fixture.now + 2 * overdue_grace));
  EXPECT_TRUE(fixture.call.stop_token().stop_requested());
  const Json answer = Json::parse(fixture.exchange->answer()->text);
  EXPECT_EQ(answer["id"], 7);
  EXPECT_EQ(answer["result"]["isError"], true);
  EXPECT_THAT(answer["result"]["content"][0]["text"].get<std::string>(), HasSubstr("reading"));
}

}  // namespace
}  // namespace omnisandbox::mcp
