// The hotplug paths that Debian's cloud kernels lack (probe, the notifiers' error injector, Xen's balloon), on a kernel
// that is built from source. nightly/every_scenario_test.cc plays all paths there.
#include "integration/every_scenario.h"

namespace memrig {
namespace {

TEST(ReferencePaths, ComeOutAsExpected) {
    const auto lacking = test::lacking_in_debian();
    test::expect_as_expected({lacking.begin(), lacking.end()}, "ref-6.12-amd64", "", {});
}

}  // namespace
}  // namespace memrig
