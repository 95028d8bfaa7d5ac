#include "docker/marked_stream.h"

#include <gtest/gtest.h>

namespace omnisandbox::docker {
namespace {

struct Collected {
  explicit Collected(std::size_t tail_bytes)
      : stream(tail_bytes, [this](std::string_view piece) { passed += piece; }) {
    for (std::size_t index = 0; index < token.size(); ++index) {
      token[index] = static_cast<std::uint8_t>(index * 7 + 1);
    }
    init::End end;
    end.token = token;
    mark.assign(reinterpret_cast<const char*>(&end), sizeof end);
    stream.expect(token);
  }
  init::Token token{};
  std::string mark;
  std::string passed;
  MarkedStream stream;
};

TEST(MarkedStream, TheMarkIsFoundHoweverItIsCut) {
  for (std::size_t piece_bytes = 1; piece_bytes < 60; ++piece_bytes) {
    Collected collected(30);
    const std::string all = "output " + collected.mark.substr(0, 20) + " more" + collected.mark +
                            "123456" + "what comes after the tail";
    for (std::size_t done = 0; done < all.size(); done += piece_bytes) {
      collected.stream.feed(std::string_view(all).substr(done, piece_bytes));
    }
    collected.stream.finish();
    ASSERT_TRUE(collected.stream.tail()) << piece_bytes;
    EXPECT_EQ(*collected.stream.tail(), collected.mark + "123456");
    EXPECT_EQ(collected.passed, "output " + collected.mark.substr(0, 20) + " more");
  }
}

TEST(MarkedStream, OutputIsPassedOnAtOnce) {
  Collected collected(24);
  collected.stream.feed("prompt> ");
  EXPECT_EQ(collected.passed, "prompt> ");
  collected.stream.feed(collected.mark.substr(0, 5));
  EXPECT_EQ(collected.passed, "prompt> ");
  collected.stream.feed("x");
  EXPECT_EQ(collected.passed, "prompt> " + collected.mark.substr(0, 5) + "x");
}

TEST(MarkedStream, WithoutItsMarkAllIsOutput) {
  Collected collected(24);
  collected.stream.feed("text" + collected.mark.substr(0, 10));
  collected.stream.finish();
  EXPECT_FALSE(collected.stream.tail());
  EXPECT_EQ(collected.passed, "text" + collected.mark.substr(0, 10));
}

TEST(MarkedStream, AnotherTokenIsOutput) {
  Collected collected(24);
  std::string forged = collected.mark;
  forged.back() = static_cast<char>(forged.back() + 1);
  collected.stream.feed(forged);
  collected.stream.finish();
  EXPECT_FALSE(collected.stream.tail());
  EXPECT_EQ(collected.passed, forged);
}

}  // namespace
}  // namespace omnisandbox::docker
