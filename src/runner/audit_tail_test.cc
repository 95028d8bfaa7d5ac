#include "runner/audit_tail.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace omnisandbox::runner {
namespace {

class Failing final : public AuditSink {
 public:
  Expected<void> write(const AuditRecord&) override {
    return base::make_error(ErrorKind::io, "the disk is full");
  }
};

AuditRecord record_of(std::string resource) {
  AuditRecord record;
  record.operation = "fs_read";
  record.resource = std::move(resource);
  return record;
}

TEST(AuditTail, KeepsTheLastRecordsAndPassesAllOn) {
  std::vector<std::string> passed;
  AuditTail tail(
      make_callback_audit([&](const AuditRecord& record) { passed.push_back(record.resource); }),
      2);
  for (const char* name : {"/a", "/b", "/c"}) {
    ASSERT_TRUE(tail.write(record_of(name)));
  }
  EXPECT_THAT(passed, testing::ElementsAre("/a", "/b", "/c"));
  EXPECT_THAT(tail.lines(),
              testing::ElementsAre(testing::HasSubstr("\"/b\""), testing::HasSubstr("\"/c\"")));
}

TEST(AuditTail, SaysThatTheTargetLostARecord) {
  AuditTail tail(std::make_shared<Failing>(), 2);
  const auto written = tail.write(record_of("/a"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::io);
  EXPECT_EQ(tail.lines().size(), 1U);
}

}  // namespace
}  // namespace omnisandbox::runner
