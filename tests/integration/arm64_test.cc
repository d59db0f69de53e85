// arm64, on Debian's own kernel: the control holds, and without the adder's lock the kernel crashes.
// nightly/every_scenario_test.cc plays all that names a bench for arm64.
#include "integration/every_scenario.h"

namespace memrig {
namespace {

TEST(Arm64, ControlHoldsAndMutantIsConvicted) {
    test::expect_as_expected({"race/acpi-dimm-online"}, "debian-6.1-arm64", "virt", {});
}

}  // namespace
}  // namespace memrig
