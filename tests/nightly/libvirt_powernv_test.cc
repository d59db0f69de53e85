// A machine whose line to the agent is a device of QEMU's own, through libvirt. Its kernel is built from source.
#include "integration/libvirt_fixture.h"

namespace memrig {
namespace {

TEST_F(Libvirt, RacesMemtrace) { races("race/memtrace-online", "ref-5.10-ppc64le", 1, "rule-broken"); }

}  // namespace
}  // namespace memrig
