#include "wasm/worker/channel.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

#include "linux/channels.h"

namespace omnisandbox::wasm::worker {
namespace {

using namespace std::chrono_literals;

std::chrono::microseconds processor_time_of_this_thread() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

TEST(Channel, StopsLookingOutWhereThatIsInVain) {
  constexpr int messages = 64;
  constexpr auto spin = 2ms;
  auto sockets = *linux_::make_stream_socket_pair();
  Channel sender(std::move(sockets.left), TakeDescriptors::no);
  Channel receiver(std::move(sockets.right), TakeDescriptors::no);
  receiver.set_spin(spin);
  std::jthread slow([&] {
    for (int message = 0; message < messages; ++message) {
      std::this_thread::sleep_for(spin + 2ms);
      EXPECT_TRUE(sender.send(MessageType::output, "late", std::nullopt));
    }
  });
  const auto before = processor_time_of_this_thread();
  for (int message = 0; message < messages; ++message) {
    const auto received = receiver.receive(100, std::nullopt);
    ASSERT_TRUE(received);
    EXPECT_EQ(received->payload, "late");
  }
  // Looking out every time would take all of `spin` each time.
  EXPECT_LT(processor_time_of_this_thread() - before, messages * spin / 4);
}

}  // namespace
}  // namespace omnisandbox::wasm::worker
