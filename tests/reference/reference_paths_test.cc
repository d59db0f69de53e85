// Every hotplug path on a kernel that is built from source: those too that Debian's kernels lack (probe, the notifiers'
// error injector).
#include "integration/every_scenario.h"

namespace memrig {
namespace {

TEST(EveryScenario, ComesOutAsExpectedOnTheReferenceKernel) {
    test::expect_every_scenario_as_expected("ref-6.12-amd64", test::lacking_in_reference());
}

}  // namespace
}  // namespace memrig
