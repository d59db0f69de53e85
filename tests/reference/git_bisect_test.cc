// A bisection of the amd64 reference kernel. nightly/git_bisect_cross_test.cc has those of POWER and arm64.
#include "integration/git_bisect.h"

namespace memrig::test {
namespace {

TEST_P(Bisection, FindsTheCommitThatLostTheLockAndSkipsTheOneThatDoesNotBuild) { finds_the_commit(); }

INSTANTIATE_TEST_SUITE_P(Amd64, Bisection,
                         testing::Values(Bisected{
                             "ref-6.12-amd64",
                             "linux-source-6.12",
                             "x86_64",
                             {"drivers/acpi/scan.c", "drivers/acpi/acpi_memhotplug.c", "drivers/base/memory.c"},
                             "void acpi_device_hotplug("}));

}  // namespace
}  // namespace memrig::test
