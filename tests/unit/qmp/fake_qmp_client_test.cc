#include "qmp/fake_qmp_client.h"

#include <future>

#include <gtest/gtest.h>

namespace memrig {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

Deadline fake_qmp_client_long_enough() { return Deadline::after(10s); }

auto fake_qmp_client_named(const char* name) {
    return [name](const QmpEvent& seen) { return seen.name == name; };
}

TEST(FakeQmpClient, AnswersByTheScript) {
    FakeQmpClient qmp;
    qmp.expect("query-status").reply({{"running", true}});
    qmp.expect("device_add").with({{"driver", "pc-dimm"}});
    qmp.expect("device_del").refuse("DeviceNotFound", "Device 'd' not found");
    qmp.expect("quit").fail(QmpFault::transport);

    EXPECT_EQ(qmp.execute("query-status", {}, fake_qmp_client_long_enough()), json({{"running", true}}));
    EXPECT_EQ(qmp.execute("device_add", {{"driver", "pc-dimm"}}, fake_qmp_client_long_enough()), json::object());
    EXPECT_EQ(qmp.execute("device_del", {{"id", "d"}}, fake_qmp_client_long_enough()).error().error_class,
              "DeviceNotFound");
    EXPECT_EQ(qmp.execute("quit", {}, fake_qmp_client_long_enough()).error().fault, QmpFault::transport);
    EXPECT_TRUE(qmp.mistakes().empty());
    EXPECT_EQ(qmp.transcript().size(), 4u);
}

TEST(FakeQmpClient, NotesWhatIsNotInTheScript) {
    FakeQmpClient qmp;
    qmp.expect("device_add").with({{"driver", "pc-dimm"}});
    const auto other = qmp.execute("device_add", {{"driver", "nvdimm"}}, fake_qmp_client_long_enough());
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().error_class, "Unexpected");
    EXPECT_FALSE(qmp.execute_out_of_band("device_add", {{"driver", "pc-dimm"}}, fake_qmp_client_long_enough()));
    EXPECT_EQ(qmp.mistakes().size(), 3u);  // the two, and the one still expected
}

TEST(FakeQmpClient, SendsEventsBeforeTheAnswer) {
    FakeQmpClient qmp;
    qmp.expect("device_del").event("MEM_UNPLUG_ERROR", {{"device", "d"}});
    ASSERT_TRUE(qmp.execute("device_del", {{"id", "d"}}, fake_qmp_client_long_enough()));
    EXPECT_EQ(
        qmp.wait_event(fake_qmp_client_named("MEM_UNPLUG_ERROR"), 0, fake_qmp_client_long_enough())->data["device"],
        "d");
}

TEST(FakeQmpClient, DoesNotWaitUnlessTold) {
    FakeQmpClient qmp;
    EXPECT_EQ(qmp.wait_event(fake_qmp_client_named("STOP"), 0, Deadline::after(1h)).error().fault, QmpFault::deadline);
    qmp.set_patient(true);
    auto waiter = std::async(std::launch::async, [&] {
        return qmp.wait_event(fake_qmp_client_named("STOP"), 0, fake_qmp_client_long_enough());
    });
    qmp.push_event("STOP", json::object(), 5us);
    EXPECT_EQ(waiter.get()->stamp, 5us);
}

TEST(FakeQmpClient, OffersOutOfBandOrNot) {
    FakeQmpClient qmp;
    qmp.expect("query-yank").out_of_band().reply(json::array());
    EXPECT_EQ(qmp.execute_out_of_band("query-yank", {}, fake_qmp_client_long_enough()), json::array());
    qmp.set_out_of_band(false);
    EXPECT_FALSE(qmp.out_of_band());
    EXPECT_EQ(qmp.execute_out_of_band("query-yank", {}, fake_qmp_client_long_enough()).error().fault,
              QmpFault::refused);
}

TEST(FakeQmpClient, CanDie) {
    FakeQmpClient qmp;
    qmp.set_patient(true);
    auto waiter = std::async(std::launch::async, [&] {
        return qmp.wait_event(fake_qmp_client_named("STOP"), 0, fake_qmp_client_long_enough());
    });
    qmp.end();
    EXPECT_EQ(waiter.get().error().fault, QmpFault::transport);
    EXPECT_EQ(qmp.execute("query-status", {}, fake_qmp_client_long_enough()).error().fault, QmpFault::transport);
}

}  // namespace
}  // namespace memrig
