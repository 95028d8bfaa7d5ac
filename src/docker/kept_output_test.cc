#include "docker/kept_output.h"

#include <gtest/gtest.h>

namespace omnisandbox::docker {
namespace {

TEST(KeptOutput, KeepsEverythingUpToTheLimit) {
  std::string passed;
  KeptOutput output(300, [&](std::string_view piece) { passed += piece; });
  output.add(std::string(140, 'a'));
  output.add(std::string(160, 'b'));
  EXPECT_FALSE(output.is_truncated());
  EXPECT_EQ(output.take(), std::string(140, 'a') + std::string(160, 'b'));
  EXPECT_EQ(passed.size(), 300U);
}

TEST(KeptOutput, KeepsBeginAndEndAndSaysWhatIsMissing) {
  for (const std::size_t piece_bytes : {1U, 7U, 300U, 100'000U}) {
    std::size_t passed = 0;
    KeptOutput output(1000, [&](std::string_view piece) { passed += piece.size(); });
    std::string all = "begin";
    while (all.size() < 99'997) all += static_cast<char>('a' + all.size() % 26);
    all += "end";
    for (std::size_t done = 0; done < all.size(); done += piece_bytes) {
      output.add(std::string_view(all).substr(done, piece_bytes));
    }
    EXPECT_TRUE(output.is_truncated());
    EXPECT_EQ(output.total_bytes(), 100'000U);
    EXPECT_EQ(passed, 1000U);
    const std::string kept = output.take();
    EXPECT_LE(kept.size(), 1000U);
    const std::size_t gap = kept.find("\n[... ");
    ASSERT_NE(gap, std::string::npos);
    EXPECT_EQ(kept.substr(0, gap), all.substr(0, gap));
    const std::size_t after = kept.find("...]\n") + 5;
    EXPECT_EQ(kept.substr(after), all.substr(all.size() - (kept.size() - after)));
    const std::size_t missing = std::stoul(kept.substr(gap + 6));
    EXPECT_EQ(missing + gap + kept.size() - after, all.size());
  }
}

TEST(KeptOutput, ASmallLimitKeepsTheBegin) {
  for (const std::size_t limit : {0U, 1U, 255U}) {
    KeptOutput output(limit, {});
    output.add(std::string(1000, 'x'));
    EXPECT_TRUE(output.is_truncated());
    EXPECT_EQ(output.take(), std::string(limit, 'x'));
  }
}

}  // namespace
}  // namespace omnisandbox::docker
