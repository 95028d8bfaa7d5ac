#include "docker/image/local_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace omnisandbox::docker {
namespace {

TEST(LocalImage, NamesAreTakenApart) {
  const auto layout = parse_local_image("oci:/a/b:v1");
  ASSERT_TRUE(layout && *layout);
  EXPECT_EQ((*layout)->path, "/a/b");
  EXPECT_EQ((*layout)->tag, "v1");
  const auto untagged = parse_local_image("oci:/a:b/c");
  ASSERT_TRUE(untagged && *untagged);
  EXPECT_EQ((*untagged)->path, "/a:b/c");
  EXPECT_EQ((*untagged)->tag, "");
  const auto archive = parse_local_image("docker-archive:/a/b.tar");
  ASSERT_TRUE(archive && *archive);
  EXPECT_EQ((*archive)->kind, LocalImageName::Kind::docker_archive);
  EXPECT_EQ((*archive)->path, "/a/b.tar");
  for (const char* other : {"alpine", "alpine:3", "sha256:abc", "oci/x:1"}) {
    const auto none = parse_local_image(other);
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none) << other;
  }
  for (const char* relative : {"oci:a", "oci:", "docker-archive:x.tar"}) {
    EXPECT_FALSE(parse_local_image(relative)) << relative;
  }
}

TEST(LocalImage, WhatIsNoneIsSaid) {
  for (const char* path : {"/nonexistent/omnisandbox", "/etc/passwd", "/", "/dev/null"}) {
    EXPECT_FALSE(open_oci_layout(path, "")) << path;
    EXPECT_FALSE(open_docker_archive(path)) << path;
  }
}

}  // namespace
}  // namespace omnisandbox::docker
