#include "runner/suggestion.h"

#include <gtest/gtest.h>

#include <vector>

namespace omnisandbox::runner {
namespace {

const std::vector<std::string> words = {"run", "call", "policy", "doctor", "version"};

TEST(Suggestion, FindsTheWordThatWasMeant) {
  EXPECT_EQ(nearest_word("rn", words), "run");
  EXPECT_EQ(nearest_word("polcy", words), "policy");
  EXPECT_EQ(nearest_word("docter", words), "doctor");
  EXPECT_EQ(nearest_word("versoin", words), "version");
  EXPECT_EQ(nearest_word("rnu", words), "run");
  EXPECT_EQ(nearest_word("urn", words), "run");
  EXPECT_EQ(nearest_word("clal", words), "call");
}

TEST(Suggestion, SaysNothingWhereNothingIsNear) {
  EXPECT_EQ(nearest_word("frobnicate", words), "");
  EXPECT_EQ(nearest_word("nur", words), "");
  EXPECT_EQ(nearest_word("", words), "");
  EXPECT_EQ(nearest_word(std::string(100'000, 'r'), words), "");
}

}  // namespace
}  // namespace omnisandbox::runner
