// Bisections of the reference kernels that are cross-compiled.
#include "integration/git_bisect.h"

namespace memrig::test {
namespace {

class CrossBisection : public Bisection {};

TEST_P(CrossBisection, FindsTheCommitThatLostTheLockAndSkipsTheOneThatDoesNotBuild) { finds_the_commit(); }

INSTANTIATE_TEST_SUITE_P(Ppc64le, CrossBisection,
                         testing::Values(Bisected{"ref-7.2-ppc64le",
                                                  "linux-source-7.2",
                                                  "ppc64le",
                                                  {"arch/powerpc/platforms/pseries/hotplug-memory.c",
                                                   "arch/powerpc/platforms/pseries/dlpar.c", "drivers/base/memory.c"},
                                                  "int dlpar_memory("}));

INSTANTIATE_TEST_SUITE_P(Arm64, CrossBisection,
                         testing::Values(Bisected{
                             "ref-7.2-arm64",
                             "linux-source-7.2",
                             "aarch64",
                             {"drivers/acpi/scan.c", "drivers/acpi/acpi_memhotplug.c", "drivers/base/memory.c"},
                             "void acpi_device_hotplug("}));

}  // namespace
}  // namespace memrig::test
