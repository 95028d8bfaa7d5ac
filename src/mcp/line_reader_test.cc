#include "mcp/line_reader.h"

#include <gmock/gmock.h>

#include <vector>

namespace omnisandbox::mcp {
namespace {

using testing::ElementsAre;

/// What a reader with room for 8 bytes makes of pieces; "(too long)" for a line that is.
std::vector<std::string> lines_of(const std::vector<std::string>& pieces) {
  std::vector<std::string> lines;
  LineReader reader(8, {.on_line = [&](std::string_view line) { lines.emplace_back(line); },
                        .on_too_long = [&] { lines.emplace_back("(too long)"); }});
  for (const std::string& piece : pieces) {
    reader.take(piece);
  }
  reader.end();
  return lines;
}

TEST(LineReader, PutsPiecesTogether) {
  EXPECT_THAT(lines_of({"a", "b\nc", "\n"}), ElementsAre("ab", "c"));
  EXPECT_THAT(lines_of({"a\n\n\r\nb\r\n"}), ElementsAre("a", "b"));
  EXPECT_THAT(lines_of({}), ElementsAre());
}

TEST(LineReader, TheLastLineNeedsNoNewline) {
  EXPECT_THAT(lines_of({"a\nlast"}), ElementsAre("a", "last"));
}

TEST(LineReader, LinesBeyondTheLimitAreReportedOnceAndWhatFollowsIsRead) {
  EXPECT_THAT(lines_of({"12345678\n"}), ElementsAre("12345678"));
  EXPECT_THAT(lines_of({"123456789\nok\n"}), ElementsAre("(too long)", "ok"));
  EXPECT_THAT(lines_of({"12345", "67890", "12345", "\nok"}), ElementsAre("(too long)", "ok"));
  EXPECT_THAT(lines_of({"123456789"}), ElementsAre("(too long)"));
}

}  // namespace
}  // namespace omnisandbox::mcp
