#include "docker/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "docker/engine/engine_address.h"
#include "docker/engine/fake_engine.h"
#include "linux/test_scarce_descriptors.h"

namespace omnisandbox::docker {
namespace {

using test::FakeEngine;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

Patience for_ms(int time_ms) {
  return {.until = Clock::now() + std::chrono::milliseconds(time_ms), .stop = {}};
}

std::string ping_or(std::string_view request, const std::string& other) {
  return request.find(" /_ping ") != std::string_view::npos ? FakeEngine::http("OK") : other;
}

TEST(Engine, VersionsAreNegotiated) {
  for (const auto& [said, used] : {std::pair{"1.41", "1.41"}, {"1.47", "1.47"}, {"1.99", "1.51"}}) {
    std::string target;
    FakeEngine fake([&, version = std::string(said)](std::string_view request) {
      if (request.find("/_ping") == std::string_view::npos) {
        target = request.substr(0, request.find('\r'));
      }
      return "HTTP/1.1 200 OK\r\nApi-Version: " + version + "\r\nContent-Length: 2\r\n\r\n[]";
    });
    const auto engine = Engine::find(fake.address(), for_ms(5000));
    ASSERT_TRUE(engine) << engine.error().message;
    ASSERT_TRUE((*engine)->list_labelled("x", for_ms(5000)));
    EXPECT_THAT(target, HasSubstr("/v" + std::string(used) + "/"));
    EXPECT_EQ(fake.connections(), 1);  // kept open
  }
}

TEST(Engine, WhoIsTooOldOrNoEngineIsRefused) {
  for (const char* head :
       {"Api-Version: 1.40\r\n", "Api-Version: 1\r\n", "Api-Version: x.y\r\n",
        "Api-Version: 1.41.2\r\n", "Api-Version: 1.41\r\nLibpod-Api-Version: 3.4.4\r\n",
        "Api-Version: 1.41\r\nLibpod-Api-Version: x\r\n", ""}) {
    FakeEngine fake([&](std::string_view) {
      return "HTTP/1.1 200 OK\r\n" + std::string(head) + "Content-Length: 0\r\n\r\n";
    });
    const auto engine = Engine::find(fake.address(), for_ms(5000));
    ASSERT_FALSE(engine) << head;
    EXPECT_EQ(engine.error().kind, ErrorKind::unavailable);
  }
}

TEST(Engine, PodmanIsAskedInItsOwnWords) {
  std::vector<std::string> targets;
  FakeEngine fake([&](std::string_view request) {
    targets.emplace_back(request.substr(0, request.find(" HTTP")));
    const std::string body = R"({"Id": "abc", "State": {"Running": true}})";
    return "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\n"
           "Content-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  });
  const auto engine = Engine::find(fake.address(), for_ms(5000));
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_EQ((*engine)->kind(), EngineKind::podman);
  EXPECT_TRUE((*engine)->create_container("a b", {}, for_ms(5000)));
  EXPECT_TRUE((*engine)->state("abc", for_ms(5000)));
  EXPECT_TRUE((*engine)->start("abc", for_ms(5000)));
  EXPECT_THAT(targets,
              testing::ElementsAre("GET /_ping", "POST /v4.0.0/libpod/containers/create?name=a%20b",
                                   "GET /v4.0.0/libpod/containers/abc/json",
                                   "POST /v1.41/containers/abc/start"));
}

TEST(Engine, AMissingEngineIsSaidWithWhatToDo) {
  const auto engine = Engine::find("unix:///tmp/omnisandbox-no-such.sock", for_ms(5000));
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(engine.error().message, HasSubstr("DOCKER_HOST"));
  for (const char* address :
       {"tcp://127.0.0.1:2375", "unix://", "unix://relative", "ssh://x", "x"}) {
    EXPECT_FALSE(Engine::find(address, for_ms(1000))) << address;
  }
  EXPECT_FALSE(socket_path_of("unix:///" + std::string(200, 'x')));
}

TEST(Engine, SilenceEndsAtTheDeadline) {
  // A head, and never its body.
  FakeEngine fake(
      [](std::string_view) { return std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"); });
  const auto start = Clock::now();
  const auto engine = Engine::find(fake.address(), for_ms(300));
  EXPECT_FALSE(engine);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(20));
}

TEST(Engine, AStopEndsTheWait) {
  std::stop_source stop;
  FakeEngine fake([&](std::string_view request) {
    if (request.find("/_ping") != std::string_view::npos) return FakeEngine::http("OK");
    stop.request_stop();
    // A head, and never its body.
    return std::string("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  });
  const auto engine = Engine::find(fake.address(), for_ms(5000));
  ASSERT_TRUE(engine);
  const auto answer =
      (*engine)->call({.target = "/info"},
                      {.until = Clock::now() + std::chrono::seconds(60), .stop = stop.get_token()});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::cancelled);
}

TEST(Engine, HalfAnswersAndNoiseAreErrors) {
  for (const std::string& answer :
       {std::string("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").substr(0, 44),
        std::string("HTTP/1.1 200 O"), std::string("\x01\x00\x00\x00\xff\xff\xff\xff", 8),
        std::string("220 smtp ready\r\n"), std::string(100'000, 'x'),
        "HTTP/1.1 200 OK\r\n" + std::string(100'000, 'h') + ": x\r\n",
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n")}) {
    FakeEngine fake([&](std::string_view request) { return ping_or(request, answer); });
    const auto engine = Engine::find(fake.address(), for_ms(5000));
    ASSERT_TRUE(engine) << engine.error().message;
    const auto info = (*engine)->call_json({.target = "/info"}, for_ms(700), "ask");
    EXPECT_FALSE(info) << answer.substr(0, 40);
    // The next call is served by a new connection.
    EXPECT_FALSE((*engine)->call_json({.target = "/info"}, for_ms(700), "ask"));
  }
}

TEST(Engine, TenGigabytesAreNotTaken) {
  FakeEngine fake([](std::string_view request) {
    return ping_or(request, "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" +
                                std::string(1'000'000, ' '));
  });
  const auto engine = Engine::find(fake.address(), for_ms(5000));
  ASSERT_TRUE(engine);
  const auto answer = (*engine)->call_json({.target = "/info"}, for_ms(5000), "ask");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::too_large) << answer.error().message;
}

TEST(Engine, RefusalsCarryWhatTheEngineSaid) {
  FakeEngine fake([](std::string_view request) {
    return ping_or(request,
                   FakeEngine::http(R"({"message":"write: no space left on device\nforged"})",
                                    "500 Internal Server Error"));
  });
  const auto engine = Engine::find(fake.address(), for_ms(5000));
  ASSERT_TRUE(engine);
  const auto started = (*engine)->start("abc", for_ms(5000));
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message,
              testing::AllOf(HasSubstr("status 500"), HasSubstr("disk is full"),
                             testing::Not(HasSubstr("\n"))));
}

TEST(Engine, WithoutADescriptorItIsNotAskedAndTheNextCallWorks) {
  if (!linux_::can_be_without_descriptors) {
    GTEST_SKIP() << "the sanitizer needs descriptors itself, to look at memory";
  }
  FakeEngine fake(
      [](std::string_view request) { return ping_or(request, FakeEngine::http("{}")); });
  const auto before = linux_::open_descriptors();
  {
    const linux_::ScarceDescriptors scarce(0);
    const auto engine = Engine::find(fake.address(), for_ms(5000));
    ASSERT_FALSE(engine);
    EXPECT_THAT(engine.error().message, HasSubstr("Too many open files"));
  }
  EXPECT_EQ(fake.connections(), 0);
  EXPECT_EQ(linux_::open_descriptors(), before);
  const auto engine = Engine::find(fake.address(), for_ms(5000));
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_TRUE((*engine)->call_json({.target = "/info"}, for_ms(5000), "ask"));
}

TEST(Engine, JsonOfTheWrongShapeIsAnError) {
  for (const char* body :
       {"", "[]", "{}", "null", "17", "\"x\"", "{\"Id\": 5}", "{\"Id\": \"../x\"}",
        "{\"State\": []}", "{\"StatusCode\": \"0\"}", "{"}) {
    FakeEngine fake(
        [&](std::string_view request) { return ping_or(request, FakeEngine::http(body)); });
    const auto engine = Engine::find(fake.address(), for_ms(5000));
    ASSERT_TRUE(engine);
    EXPECT_FALSE((*engine)->image("a", for_ms(5000))) << body;
    EXPECT_FALSE((*engine)->create_container("a", {}, for_ms(5000))) << body;
    EXPECT_FALSE((*engine)->state("a", for_ms(5000))) << body;
    EXPECT_FALSE((*engine)->wait("a", for_ms(5000))) << body;
  }
}

TEST(Engine, AnEngineThatRestartedIsTalkedToAgain) {
  int answered = 0;
  FakeEngine fake([&](std::string_view request) {
    return ++answered == 2 ? std::string() : ping_or(request, FakeEngine::http("{}"));
  });
  const auto engine = Engine::find(fake.address(), for_ms(5000));
  ASSERT_TRUE(engine);
  EXPECT_FALSE((*engine)->call_json({.target = "/info"}, for_ms(5000), "ask"));
  EXPECT_TRUE((*engine)->call_json({.target = "/info"}, for_ms(5000), "ask"));
}

TEST(Engine, ARemovalIsLeftToThoseAloneWhoFinishIt) {
  for (const auto& [server, is_left] : {std::pair{"Server: Docker/20.10.24 (linux)\r\n", true},
                                        {"Server: Libpod/4.3.1 (linux)\r\n", false},
                                        {"", false}}) {
    std::atomic<bool> came = false;
    FakeEngine fake([&, head = std::string(server)](std::string_view request) {
      came = came || request.starts_with("DELETE /v1.41/containers/some?force=1&v=1 ");
      return "HTTP/1.1 200 OK\r\n" + head + "Api-Version: 1.41\r\nContent-Length: 0\r\n\r\n";
    });
    const auto engine = Engine::find(fake.address(), for_ms(5000));
    ASSERT_TRUE(engine) << engine.error().message;
    EXPECT_EQ((*engine)->request_removal("some", for_ms(5000)), is_left) << server;
    for (int tries = 0; tries < 250 && is_left && !came; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(came, is_left) << server;
  }
}

TEST(Engine, PodmanIsAskedAgainWhenItRefusesARemoval) {
  for (const auto& [podman, calls] : {std::pair{"Libpod-Api-Version: 4.3.1\r\n", 3}, {"", 1}}) {
    std::atomic<int> removals = 0;
    FakeEngine fake([&, head = std::string(podman)](std::string_view request) {
      const bool is_refused = request.starts_with("DELETE ") && ++removals < 3;
      return "HTTP/1.1 " + std::string(is_refused ? "500 Internal Server Error" : "200 OK") +
             "\r\n" + head + "Api-Version: 1.41\r\nContent-Length: 0\r\n\r\n";
    });
    const auto engine = Engine::find(fake.address(), for_ms(5000));
    ASSERT_TRUE(engine) << engine.error().message;
    EXPECT_EQ((*engine)->remove("some", for_ms(20'000)).has_value(), calls == 3) << podman;
    EXPECT_EQ(removals, calls) << podman;
  }
}

TEST(Engine, QueriesAreEncoded) {
  EXPECT_EQ(query_text("a/b:c@d e?&%\n"), "a%2Fb%3Ac%40d%20e%3F%26%25%0A");
  EXPECT_EQ(query_text("{\"label\":[\"x\"]}"), "%7B%22label%22%3A%5B%22x%22%5D%7D");
}

}  // namespace
}  // namespace omnisandbox::docker
