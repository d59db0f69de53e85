// The kill matrix of all kernels that are built from source.
#include "integration/kill_matrix.h"

namespace memrig {
namespace {

TEST(KillMatrix, EveryMutantOfEachKernelIsKilledAndTheOriginalsHold) { test::expect_all_killed({}); }

}  // namespace
}  // namespace memrig
