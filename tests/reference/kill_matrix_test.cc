// The kill matrix of one kernel: every source mutant is convicted, and the kernel that they come from is not.
// nightly/kill_matrix_test.cc has all kernels.
#include "integration/kill_matrix.h"

namespace memrig {
namespace {

TEST(KillMatrix, EveryMutantIsKilledAndTheOriginalHolds) { test::expect_all_killed({"ref-6.12-amd64"}); }

}  // namespace
}  // namespace memrig
