#include "policy/host/url_path.h"

#include <gtest/gtest.h>

namespace omnisandbox::policy {
namespace {

TEST(UrlPath, PrefixesCoverWholeSegments) {
  EXPECT_TRUE(path_is_under("/public", "/public"));
  EXPECT_TRUE(path_is_under("/public/", "/public"));
  EXPECT_TRUE(path_is_under("/public/x", "/public"));
  EXPECT_FALSE(path_is_under("/publicity", "/public"));
  EXPECT_FALSE(path_is_under("/publi", "/public"));
  EXPECT_FALSE(path_is_under("/", "/public"));
  EXPECT_FALSE(path_is_under("/Public", "/public"));
  EXPECT_FALSE(path_is_under("//public", "/public"));
  EXPECT_TRUE(path_is_under("/public/", "/public/"));
  EXPECT_TRUE(path_is_under("/public/x", "/public/"));
  EXPECT_FALSE(path_is_under("/public", "/public/"));
}

TEST(UrlPath, HonestPathsAreUnambiguous) {
  for (const char* path :
       {"/", "/public/x", "/api/v4/projects/group%2Fproject", "/a%20b", "/100%25", "/a;v=1/b",
        "/.well-known/x", "/a..b/c", "/...", "/v1.2/x", "/%C3%BC", "/%E4%BD%A0", "/%F0%9F%98%80",
        "/a%252Fb", "/~user", "/..a"}) {
    EXPECT_FALSE(is_ambiguous_path(path)) << path;
  }
}

TEST(UrlPath, HiddenDotSegmentsAreFound) {
  for (const char* path : {"/public/..%2Fsecret",
                           "/public/%2E%2E%2Fsecret",
                           "/public/..%5Csecret",
                           "/public/x%2F..%2F..%2Fsecret",
                           "/public/..;/secret",
                           "/public/..;a=b/secret",
                           "/public/.;/x",
                           "/public/%252E%252E/secret",
                           "/public/%25252e%25252e%25252fsecret",
                           "/public/..%252Fsecret",
                           "/public/%2E%2E;/x",
                           "/public/..%3B/x",
                           "/public/..%00/x",
                           "/public/x%00",
                           "/public/%C0%AE%C0%AE/x",
                           "/public/%C0%AF",
                           "/public/%C1%9C",
                           "/public/%E0%80%AE%E0%80%AE/x",
                           "/public/%F0%80%80%AE/x",
                           "/public/%25C0%25AE/x",
                           "/public/.%2F",
                           "/public%2F..",
                           "/%2525252525252525252525252525252e"}) {
    EXPECT_TRUE(is_ambiguous_path(path)) << path;
  }
}

}  // namespace
}  // namespace omnisandbox::policy
