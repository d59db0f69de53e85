// Bisections of the POWER and the arm64 reference kernels of 7.2, cross-compiled.
#include "integration/git_bisect.h"

namespace memrig::test {
namespace {

class BisectionOfArches : public Bisection {};

TEST_P(BisectionOfArches, FindsTheCommitThatLostTheLockAndSkipsTheOneThatDoesNotBuild) { finds_the_commit(); }

INSTANTIATE_TEST_SUITE_P(Arches, BisectionOfArches,
                         testing::Values(Bisected{"ref-7.2-ppc64le",
                                                  "linux-source-7.2",
                                                  "ppc64le",
                                                  {"arch/powerpc/platforms/pseries/hotplug-memory.c",
                                                   "arch/powerpc/platforms/pseries/dlpar.c", "drivers/base/memory.c"},
                                                  "int dlpar_memory("},
                                         Bisected{"ref-7.2-arm64",
                                                  "linux-source-7.2",
                                                  "aarch64",
                                                  {"drivers/acpi/scan.c", "drivers/acpi/acpi_memhotplug.c",
                                                   "drivers/base/memory.c"},
                                                  "void acpi_device_hotplug("}),
                         [](const auto& tested) { return std::string(tested.param.arch); });

}  // namespace
}  // namespace memrig::test
