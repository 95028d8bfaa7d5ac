#include "omnisandbox/recommend.h"

#include <gtest/gtest.h>

namespace omnisandbox {
namespace {

constexpr MachineOffers everything{.wasm = true, .process = true, .docker = true};
constexpr MachineOffers only_wasm{.wasm = true, .process = false, .docker = false};

SandboxChoice chosen(const Workload& workload, const MachineOffers& offers = everything) {
  const Recommendation answer = recommend(workload, offers);
  EXPECT_FALSE(answer.reason.empty());
  EXPECT_EQ(answer.network, NetworkMode::none);
  return answer.sandbox;
}

TEST(Recommend, IsTheGuidesTable) {
  EXPECT_EQ(chosen({.only_files = true}), SandboxChoice::app_permissions);
  EXPECT_EQ(chosen({.untrusted_code = true}), SandboxChoice::wasm);
  EXPECT_EQ(chosen({.needs_dependencies = true}), SandboxChoice::docker);
  EXPECT_EQ(chosen({.maximum_isolation = true}), SandboxChoice::docker);
  EXPECT_EQ(chosen({.is_module = true}), SandboxChoice::wasm);
  EXPECT_EQ(chosen({}), SandboxChoice::process);
  // The stricter demand wins.
  EXPECT_EQ(chosen({.only_files = true, .untrusted_code = true}), SandboxChoice::wasm);
  EXPECT_EQ(chosen({.only_files = true, .is_module = true, .maximum_isolation = true}),
            SandboxChoice::docker);
}

TEST(Recommend, WhatIsNotOfferedIsSaidAndNeverReplacedByLess) {
  for (const Workload& workload :
       {Workload{.needs_dependencies = true}, Workload{.maximum_isolation = true}}) {
    const Recommendation answer = recommend(workload, only_wasm);
    EXPECT_EQ(answer.sandbox, SandboxChoice::docker);
    EXPECT_FALSE(answer.is_available);
  }
  EXPECT_FALSE(recommend({}, only_wasm).is_available);
  const MachineOffers no_process{.wasm = true, .process = false, .docker = true};
  EXPECT_EQ(chosen({}, no_process), SandboxChoice::docker);
  EXPECT_EQ(chosen({.untrusted_code = true}, only_wasm), SandboxChoice::wasm);
}

}  // namespace
}  // namespace omnisandbox
