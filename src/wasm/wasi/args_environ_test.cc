#include "wasm/wasi/wasi_fixture.h"

namespace omnisandbox::wasm::wasi {
namespace {

class ArgsEnviron : public WasiTest {
 protected:
  void SetUp() override {
    WasiTest::SetUp();
    guest_ = guest();
    guest_->run().args = {"program", "", "naïve \"argument\""};
    guest_->run().environment = {"NAME=value", "EMPTY="};
  }
  std::unique_ptr<TestGuest> guest_;
};

using GetStrings = Errno (*)(GuestCall&, Pointer, Pointer);

std::vector<std::string> strings(TestGuest& guest, GetStrings sizes_get, GetStrings get) {
  const Pointer count_place = guest.reserve(sizeof(Size));
  const Pointer size_place = guest.reserve(sizeof(Size));
  EXPECT_EQ(sizes_get(guest.call(), count_place, size_place), Errno::success);
  const auto count = guest.load<Size>(count_place);
  const Pointer pointers = guest.reserve(count * Size{sizeof(Pointer)});
  const Size text_size = guest.load<Size>(size_place);
  const Pointer text = guest.reserve(text_size);
  EXPECT_EQ(get(guest.call(), pointers, text), Errno::success);
  std::vector<std::string> found;
  for (Size index = 0; index < count; ++index) {
    const auto place = guest.load<Pointer>(pointers + index * Size{sizeof(Pointer)});
    const auto rest = guest.memory().text(place, text + text_size - place).value();
    found.emplace_back(rest.substr(0, rest.find('\0')));
  }
  return found;
}

TEST_F(ArgsEnviron, GuestSeesItsArgumentsAndEnvironment) {
  EXPECT_EQ(strings(*guest_, args_sizes_get, args_get), guest_->run().args);
  EXPECT_EQ(strings(*guest_, environ_sizes_get, environ_get), guest_->run().environment);
}

TEST_F(ArgsEnviron, NothingGivenIsNothingSeen) {
  guest_->run().args.clear();
  guest_->run().environment.clear();
  EXPECT_TRUE(strings(*guest_, args_sizes_get, args_get).empty());
  EXPECT_TRUE(strings(*guest_, environ_sizes_get, environ_get).empty());
}

TEST_F(ArgsEnviron, NothingIsWrittenUnlessAllFits) {
  const Pointer end = TestGuest::memory_bytes;
  EXPECT_EQ(args_sizes_get(guest_->call(), end - 4, end - 3), Errno::fault);
  EXPECT_EQ(guest_->load<Size>(end - 4), 0U);
  const Pointer pointers = guest_->reserve(64);
  EXPECT_EQ(args_get(guest_->call(), pointers, end - 8), Errno::fault);
  EXPECT_EQ(guest_->load<Pointer>(pointers), 0U);
  EXPECT_EQ(args_get(guest_->call(), end - 8, pointers), Errno::fault);
  EXPECT_EQ(guest_->load<Pointer>(pointers), 0U);
  EXPECT_EQ(environ_get(guest_->call(), 0xFFFFFFFF, 0xFFFFFFFF), Errno::fault);
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
