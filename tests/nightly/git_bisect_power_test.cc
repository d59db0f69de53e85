// A bisection of the POWER reference kernel, cross-compiled.
#include "integration/git_bisect.h"

namespace memrig::test {
namespace {

class BisectionOfPower : public Bisection {};

TEST_P(BisectionOfPower, FindsTheCommitThatLostTheLockAndSkipsTheOneThatDoesNotBuild) { finds_the_commit(); }

INSTANTIATE_TEST_SUITE_P(Ppc64le, BisectionOfPower,
                         testing::Values(Bisected{"ref-6.12-ppc64le",
                                                  "linux-source-6.12",
                                                  "ppc64le",
                                                  {"arch/powerpc/platforms/pseries/hotplug-memory.c",
                                                   "arch/powerpc/platforms/pseries/dlpar.c", "drivers/base/memory.c"},
                                                  "int dlpar_memory("}));

}  // namespace
}  // namespace memrig::test
