#include "host_functions/http_function.h"

#include <gtest/gtest.h>

namespace omnisandbox::host_functions {
namespace {

TEST(HttpFetch, WithoutRulesNothingIsFetched) {
  auto policy = Policy::compile(Config{.capabilities = {Capability::net_http}});
  ASSERT_TRUE(policy) << policy.error().message;
  auto context = RunContext::create(*policy, {});
  ASSERT_TRUE(context);
  EXPECT_FALSE(fetch(**context, HttpRequest{.url = "https://example.com/"}));
}

}  // namespace
}  // namespace omnisandbox::host_functions
