#include "docker/init/streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "linux/channels.h"

namespace omnisandbox::docker::init {
namespace {

// A command has the first process's output as its own, and some make it non-blocking and leave it
// so.
TEST(InitStreams, WholeReadsAndWritesWaitWhereSomebodyMadeTheFileNonBlocking) {
  auto pipe = linux_::make_pipe();
  ASSERT_TRUE(pipe);
  ASSERT_TRUE(linux_::set_nonblocking(pipe->write_end));
  ASSERT_TRUE(linux_::set_nonblocking(pipe->read_end));
  const std::string sent(1'000'000, 'x');  // more than a pipe holds
  std::string received(sent.size(), '\0');
  bool is_read = false;
  std::jthread reader(
      [&] { is_read = read_exactly(pipe->read_end.get(), received.data(), received.size()); });
  EXPECT_TRUE(write_exactly(pipe->write_end.get(), sent.data(), sent.size()));
  reader.join();
  EXPECT_TRUE(is_read);
  EXPECT_EQ(received, sent);
  pipe->write_end = {};
  EXPECT_FALSE(read_exactly(pipe->read_end.get(), received.data(), 1));
}

}  // namespace
}  // namespace omnisandbox::docker::init
