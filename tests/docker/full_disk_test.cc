// An engine that has no room left: what it says is told, nothing is left of the run, and with room
// the next one works.
#include "docker/docker_fixture.h"

namespace omnisandbox::docker::test {
namespace {

using testing::HasSubstr;

TEST(DockerFullDisk, IsToldAsTheEnginesAndLeavesNothing) {
  TestEngine small;
  small.start({.data_bytes = std::size_t{48} << 20U});
  small.make_image("test:1");
  auto sandbox = DockerSandbox::create(image(), allowing({"echo"}), {.engine = small.address()});
  ASSERT_TRUE(sandbox) << sandbox.error().message;
  EXPECT_EQ(must(sandbox->run("echo", {"before"})).stdout_data, "before\n");
  const auto left = [&small] {
    auto listed = small.engine().list_labelled("omnisandbox.owner", soon());
    for (int tries = 0; tries < 750 && listed && !listed->empty(); ++tries) {
      std::this_thread::sleep_for(milliseconds(20));
      listed = small.engine().list_labelled("omnisandbox.owner", soon());
    }
    return listed ? listed->size() : std::size_t{999};
  };
  EXPECT_EQ(left(), 0U);

  small.fill_disk();
  for (int tries = 0; tries < 2; ++tries) {
    const auto refused = sandbox->run("echo", {"full"});
    ASSERT_FALSE(refused) << told(*refused);
    EXPECT_THAT(refused.error().message, HasSubstr("disk is full"));
  }
  EXPECT_EQ(left(), 0U);

  small.empty_disk();
  EXPECT_EQ(must(sandbox->run("echo", {"after"})).stdout_data, "after\n");
  EXPECT_EQ(left(), 0U);
}

}  // namespace
}  // namespace omnisandbox::docker::test
