// Every hotplug path, validated and raced, on the kernels that Debian ships: each arm comes out as expected, or is skipped with a reason.
#include "integration/every_scenario.h"

namespace memrig {
namespace {

TEST(EveryScenario, ComesOutAsExpectedOn61) { test::expect_every_scenario_as_expected("debian-6.1-amd64"); }
TEST(EveryScenario, ComesOutAsExpectedOn612) { test::expect_every_scenario_as_expected("debian-6.12-amd64"); }

}  // namespace
}  // namespace memrig
