#include "docker/image/image_reference.h"

#include <gtest/gtest.h>

namespace omnisandbox::docker {
namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

TEST(ImageReference, IsTakenApartAsTheEngineDoes) {
  struct Case {
    std::string text, registry, name, tag, digest;
  };
  for (const Case& each : std::vector<Case>{
           {"alpine", "docker.io", "alpine", "latest", ""},
           {"alpine:3.20", "docker.io", "alpine", "3.20", ""},
           {"user/tool:1", "docker.io", "user/tool", "1", ""},
           {"localhost/tool", "localhost", "localhost/tool", "latest", ""},
           {"127.0.0.1:5000/a/b:2", "127.0.0.1:5000", "127.0.0.1:5000/a/b", "2", ""},
           {"registry.example/tool", "registry.example", "registry.example/tool", "latest", ""},
           {"registry.example:443/tool", "registry.example:443", "registry.example:443/tool",
            "latest", ""},
           {"alpine@" + digest, "docker.io", "alpine", "", digest},
           {"host:1/alpine:3@" + digest, "host:1", "host:1/alpine", "", digest}}) {
    const auto reference = parse_image_reference(each.text);
    ASSERT_TRUE(reference) << each.text;
    EXPECT_EQ(reference->registry, each.registry) << each.text;
    EXPECT_EQ(reference->name, each.name) << each.text;
    EXPECT_EQ(reference->tag, each.tag) << each.text;
    EXPECT_EQ(reference->digest, each.digest) << each.text;
  }
}

TEST(ImageReference, WhatCannotBeFetchedIsRefused) {
  for (const std::string& text :
       {std::string(), std::string(":1"), std::string("a:"), std::string("/a"), std::string("a/"),
        std::string("a//b"), std::string("a@sha256:12"),
        std::string("a@md5:") + std::string(64, 'a'), digest, std::string(64, 'b'),
        std::string("a@sha256:") + std::string(64, 'G'), std::string("@") + digest}) {
    const auto reference = parse_image_reference(text);
    ASSERT_FALSE(reference) << text;
    EXPECT_EQ(reference.error().kind, ErrorKind::invalid_argument);
  }
}

}  // namespace
}  // namespace omnisandbox::docker
