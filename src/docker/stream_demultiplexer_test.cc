#include "docker/stream_demultiplexer.h"

#include <gtest/gtest.h>

#include <string>

namespace omnisandbox::docker {
namespace {

std::string frame(char stream, std::string_view bytes) {
  std::string result = {stream, 0, 0, 0};
  const auto size = static_cast<std::uint32_t>(bytes.size());
  for (const int shift : {24, 16, 8, 0}) {
    result += static_cast<char>(size >> shift);
  }
  return result.append(bytes);
}

struct Streams {
  std::string output;
  std::string errors;
  StreamDemultiplexer demultiplexer{[this](OutputStream stream, std::string_view piece) {
    (stream == OutputStream::standard_output ? output : errors) += piece;
  }};
};

TEST(StreamDemultiplexer, SeparatesFramesHoweverTheyAreCut) {
  const std::string all = frame(1, "out one ") + frame(2, "err") + frame(1, "") +
                          frame(1, std::string(1000, 'x')) + frame(2, std::string("\0\1\2", 3));
  for (std::size_t piece_bytes = 1; piece_bytes <= all.size(); ++piece_bytes) {
    Streams streams;
    for (std::size_t done = 0; done < all.size(); done += piece_bytes) {
      ASSERT_TRUE(streams.demultiplexer.feed(std::string_view(all).substr(done, piece_bytes)));
    }
    EXPECT_EQ(streams.output, "out one " + std::string(1000, 'x'));
    EXPECT_EQ(streams.errors, std::string("err\0\1\2", 6));
    EXPECT_TRUE(streams.demultiplexer.is_between_frames());
  }
}

TEST(StreamDemultiplexer, RefusesWhatIsNoFrame) {
  for (const std::string& bytes :
       {std::string("HTTP/1.1"), frame(3, "x"), frame(0, "x"), std::string("\1\1\0\0\0\0\0\1", 8),
        std::string("\2\0\0\1\0\0\0\1", 8), std::string(8, '\xff')}) {
    Streams streams;
    const auto fed = streams.demultiplexer.feed(bytes);
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().kind, ErrorKind::io);
    EXPECT_EQ(streams.output + streams.errors, "");
  }
}

TEST(StreamDemultiplexer, AHugeFrameIsPassedOnPieceByPiece) {
  Streams streams;
  ASSERT_TRUE(streams.demultiplexer.feed(std::string("\1\0\0\0\xff\xff\xff\xff", 8)));
  ASSERT_TRUE(streams.demultiplexer.feed("abc"));
  EXPECT_EQ(streams.output, "abc");
  EXPECT_FALSE(streams.demultiplexer.is_between_frames());
}

}  // namespace
}  // namespace omnisandbox::docker
