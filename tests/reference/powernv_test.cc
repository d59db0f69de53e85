// POWER without a hypervisor: memtrace gives memory back while somebody onlines it. The control holds, and without
// memtrace's lock a rule is broken.
#include "integration/every_scenario.h"

namespace memrig {
namespace {

TEST(Powernv, ControlHoldsAndMutantIsConvicted) {
    test::expect_as_expected({"race/memtrace-online"}, "ref-5.10-ppc64le", "powernv", {});
}

}  // namespace
}  // namespace memrig
