#include "docker/image_layer.h"

#include <gtest/gtest.h>

#include "omnisandbox/docker_image.h"

namespace omnisandbox::docker {
namespace {

Result with_layers(std::string kind, std::vector<std::string> layers) {
  Result result;
  result.sandbox = {.kind = std::move(kind), .layers = std::move(layers)};
  return result;
}

TEST(ImageLayer, TheImageThatRanIsReadFromIt) {
  const std::string digest = "registry.example/tool@sha256:0123";
  EXPECT_EQ(image_that_ran(with_layers(
                "docker", {"container (runc)", image_layer("tool:1", digest), "no network"})),
            digest);
  // A file's name may have blanks.
  EXPECT_EQ(image_that_ran(with_layers(
                "docker", {image_layer("docker-archive:/a folder/image file.tar", "sha256:4567")})),
            "sha256:4567");
}

TEST(ImageLayer, WhereNoContainerRanThereIsNone) {
  EXPECT_EQ(image_that_ran(Result{}), std::nullopt);
  EXPECT_EQ(image_that_ran(with_layers("docker", {"no network"})), std::nullopt);
  EXPECT_EQ(image_that_ran(with_layers("process", {image_layer("tool:1", "sha256:0123")})),
            std::nullopt);
}

}  // namespace
}  // namespace omnisandbox::docker
