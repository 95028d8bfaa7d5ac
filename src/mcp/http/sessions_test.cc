#include "mcp/http/sessions.h"

#include <gmock/gmock.h>

#include "mcp/http/limits.h"

namespace omnisandbox::mcp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(EventLog, EventIdsAreReadStrictly) {
  EXPECT_EQ(event_id_from_string("3-7"), (EventId{3, 7}));
  EXPECT_EQ(to_string(EventId{3, 7}), "3-7");
  for (const char* broken : {"", "-", "3", "3-", "-7", "3-7-", "a-7", "3-+7", " 3-7", "3-7 ",
                             "99999999999999999999-1", "3--7"}) {
    EXPECT_FALSE(event_id_from_string(broken)) << broken;
  }
}

TEST(EventLog, KeepsTheNewestAndKnowsWhatItHasDropped) {
  EventLog log(3, 10);
  log.add({1, 1}, "a");
  log.add({2, 1}, "b");
  log.add({1, 2}, "c");
  ASSERT_TRUE(log.after({1, 0}));
  EXPECT_EQ(log.after({1, 0})->size(), 2U);
  EXPECT_EQ(log.after({1, 1})->at(0).data, "c");
  EXPECT_THAT(*log.after({1, 2}), IsEmpty());
  log.add({1, 3}, "d");  // 1-1 goes
  EXPECT_FALSE(log.after({1, 0}));
  EXPECT_EQ(log.after({1, 1})->size(), 2U);
  EXPECT_EQ(log.after({2, 0})->size(), 1U);
  log.add({1, 4}, std::string(11, 'x'));  // more than all of it: nothing stays
  EXPECT_FALSE(log.after({2, 0}));
  EXPECT_FALSE(log.after({1, 3}));
  EXPECT_THAT(*log.after({1, 4}), IsEmpty());
}

class Recorded final : public EventSink {
 public:
  void send_event(const std::string& text) override { events.push_back(text); }
  void end_events() override { ++ended; }
  std::vector<std::string> events;
  int ended = 0;
};

std::shared_ptr<Session> session() {
  return std::make_shared<Session>("id", std::make_shared<boost::asio::io_context>());
}

TEST(SessionStreams, AStreamIsTakenUpWhereItWasCut) {
  const auto sut = session();
  auto first = std::make_shared<Recorded>();
  const auto stream = sut->open_stream(first);
  EXPECT_EQ(to_string(sut->last_id(stream)), "1-0");
  sut->publish(stream, "one");
  EXPECT_THAT(first->events, ElementsAre("id: 1-1\ndata: one\n\n"));
  first.reset();  // cut
  sut->publish(stream, "two");
  const auto second = std::make_shared<Recorded>();
  ASSERT_TRUE(sut->can_resume({stream, 1}));
  sut->resume({stream, 1}, second);
  sut->publish(stream, "three");
  sut->end_stream(stream);
  EXPECT_THAT(second->events, ElementsAre("id: 1-2\ndata: two\n\n", "id: 1-3\ndata: three\n\n"));
  EXPECT_EQ(second->ended, 1);
  // Also after its end.
  const auto third = std::make_shared<Recorded>();
  sut->resume({stream, 2}, third);
  EXPECT_THAT(third->events, ElementsAre("id: 1-3\ndata: three\n\n"));
  EXPECT_EQ(third->ended, 1);
  EXPECT_FALSE(sut->can_resume({stream, 4}));
  EXPECT_FALSE(sut->can_resume({stream + 1, 0}));
}

TEST(SessionStreams, WhoTakesAStreamUpEndsTheConnectionBefore) {
  const auto sut = session();
  const auto first = std::make_shared<Recorded>();
  const auto stream = sut->open_stream(first);
  const auto second = std::make_shared<Recorded>();
  sut->resume({stream, 0}, second);
  sut->publish(stream, "one");
  EXPECT_EQ(first->ended, 1);
  EXPECT_THAT(first->events, IsEmpty());
  EXPECT_EQ(second->events.size(), 1U);
}

TEST(SessionStreams, WhatCameWhileNobodyListenedIsToldToTheNextOne) {
  const auto sut = session();
  sut->publish(0, "early");
  auto first = std::make_shared<Recorded>();
  sut->listen(first);
  EXPECT_THAT(first->events, ElementsAre("id: 0-1\ndata: early\n\n"));
  sut->publish(0, "live");
  EXPECT_EQ(first->events.size(), 2U);
  first.reset();  // gone
  sut->publish(0, "missed");
  const auto second = std::make_shared<Recorded>();
  sut->listen(second);
  EXPECT_THAT(second->events, ElementsAre("id: 0-3\ndata: missed\n\n"));
}

TEST(SessionStreams, EndedStreamsAreForgottenInTime) {
  const auto sut = session();
  for (std::size_t count = 0; count < max_ended_streams + 1; ++count) {
    const auto stream = sut->open_stream({});
    sut->publish(stream, "answer");
    sut->end_stream(stream);
  }
  EXPECT_FALSE(sut->can_resume({1, 0}));
  EXPECT_TRUE(sut->can_resume({2, 0}));
}

using std::chrono::minutes;

TEST(Sessions, EndAfterTheyWereIdle) {
  Sessions sessions({.max_sessions = 4, .idle_time = minutes(10)},
                    std::make_shared<boost::asio::io_context>());
  const auto start = std::chrono::steady_clock::now();
  const auto idle = *sessions.create(start);
  const auto used = *sessions.create(start);
  const auto busy = *sessions.create(start);
  EXPECT_EQ(idle->id().size(), 32U);
  EXPECT_NE(idle->id(), used->id());
  EXPECT_EQ(sessions.find(idle->id(), start), nullptr);  // not agreed upon yet
  for (const auto& each : {idle, used, busy}) {
    sessions.add(each, start);
  }
  const auto listener = std::make_shared<Recorded>();
  busy->listen(listener);
  EXPECT_EQ(sessions.find(used->id(), start + minutes(9)), used);
  sessions.expire(start + minutes(10));
  EXPECT_EQ(sessions.find(idle->id(), start + minutes(10)), nullptr);
  EXPECT_EQ(sessions.count(), 2U);
  sessions.expire(start + minutes(30));
  EXPECT_EQ(sessions.find(used->id(), start + minutes(30)), nullptr);
  EXPECT_EQ(sessions.find(busy->id(), start + minutes(30)), busy);
  EXPECT_EQ(listener->ended, 0);
  sessions.end(busy->id());
  EXPECT_EQ(listener->ended, 1);
  EXPECT_EQ(sessions.count(), 0U);
}

TEST(Sessions, TheOneUnusedLongestMakesRoomUnlessItIsBusy) {
  Sessions sessions({.max_sessions = 2, .idle_time = minutes(10)},
                    std::make_shared<boost::asio::io_context>());
  const auto start = std::chrono::steady_clock::now();
  const auto busy = *sessions.create(start);
  sessions.add(busy, start);
  const auto listener = std::make_shared<Recorded>();
  busy->listen(listener);
  const auto unused = *sessions.create(start);
  sessions.add(unused, start + minutes(1));
  const auto third = sessions.create(start + minutes(2));
  ASSERT_TRUE(third);
  sessions.add(*third, start + minutes(2));
  EXPECT_EQ(sessions.find(unused->id(), start + minutes(2)), nullptr);
  EXPECT_EQ(sessions.find(busy->id(), start + minutes(2)), busy);
  (*third)->listen(listener);
  EXPECT_FALSE(sessions.create(start + minutes(2)));
  EXPECT_EQ(sessions.count(), 2U);
}

}  // namespace
}  // namespace omnisandbox::mcp
