// A run over fake machines that the user interrupts. The request to stop is one for the whole process.
#include "base/stop_request.h"
#include "unit/run/run_fixture.h"

namespace memrig {
namespace {

TEST_F(CampaignTest, AnInterruptionKeepsWhatThereIs) {
    order.trials = 5;
    backend.on_restore = [](FakeMachine&, unsigned number) -> Status {
        if (number < 4) return {};  // one to arm the guest, two trials
        stop_request().request(130, 0);
        return fail(Fault::interrupted, "stopped");
    };
    const auto all = run();
    ASSERT_TRUE(all) << all.error().line();
    EXPECT_TRUE(all->interrupted);
    EXPECT_EQ(all->arms[0].trials.size(), 2u);
    EXPECT_EQ(all->exit_status(), 130);
}

}  // namespace
}  // namespace memrig
