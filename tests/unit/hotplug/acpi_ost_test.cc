// What ACPI reports of DIMMs, as QEMU passes it on.
#include "hotplug/acpi_ost.h"

#include <gtest/gtest.h>

namespace memrig {
namespace {

QmpEvent ost(const std::string& device, unsigned source, unsigned status, const std::string& slot = "0") {
    nlohmann::json info = {{"source", source}, {"status", status}, {"slot", slot}, {"slot-type", "DIMM"}};
    if (!device.empty()) info["device"] = device;
    return {"ACPI_DEVICE_OST", {{"info", info}}, {}, {}, 0};
}

QmpEvent deleted(const std::string& device) { return {"DEVICE_DELETED", {{"device", device}}, {}, {}, 0}; }

TEST(AcpiOst, ThePlugsAndTheEjectionsAreToldApart) {
    const std::vector<QmpEvent> events = {ost("dimm0", 1, 0), ost("dimm0", 3, 132), ost("dimm0", 3, 130)};
    EXPECT_EQ(last_ost(events, "dimm0", OstSource::device_check), 0u);
    EXPECT_EQ(last_ost(events, "dimm0", OstSource::ejection_request), 0x82u);
    EXPECT_EQ(ost_text(0x82), "_OST: 0x82");
}

TEST(AcpiOst, OfADeviceThatIsGoneTheSlotTells) {
    const std::vector<QmpEvent> events = {ost("dimm1", 1, 0, "1"), ost("dimm1", 3, 132, "1"), deleted("dimm1"),
                                          ost("", 3, 0, "1")};
    EXPECT_EQ(last_ost(events, "dimm1", OstSource::ejection_request), 0u);
    EXPECT_TRUE(was_deleted(events, "dimm1"));
    EXPECT_FALSE(was_deleted(events, "dimm0"));
}

TEST(AcpiOst, AnEjectionInProgressIsNoOutcome) {
    EXPECT_EQ(last_ost({ost("dimm0", 3, 132)}, "dimm0", OstSource::ejection_request), std::nullopt);
}

TEST(AcpiOst, AnotherDevicesIsNotThisOnes) {
    EXPECT_EQ(last_ost({ost("dimm0", 3, 132), ost("dimm1", 3, 130, "1"), ost("", 3, 0, "1")}, "dimm0",
                       OstSource::ejection_request),
              std::nullopt);
    EXPECT_EQ(last_ost({ost("", 3, 0)}, "dimm0", OstSource::ejection_request), std::nullopt);
}

TEST(AcpiRefusal, OfAPlug) {
    EXPECT_EQ(acpi_refusal({ost("dimm0", 1, 0)}, "dimm0", OstSource::device_check), "");
    EXPECT_EQ(acpi_refusal({ost("dimm0", 1, 1)}, "dimm0", OstSource::device_check), "_OST: 0x1");
    EXPECT_EQ(acpi_refusal({}, "dimm0", OstSource::device_check), "no _OST");
    EXPECT_EQ(acpi_refusal({ost("dimm0", 3, 0)}, "dimm0", OstSource::device_check), "no _OST");
}

TEST(AcpiRefusal, OfAnUnplug) {
    const auto refusal = [](std::vector<QmpEvent> events) {
        events.insert(events.begin(), ost("dimm0", 1, 0));
        return acpi_refusal(events, "dimm0", OstSource::ejection_request);
    };
    EXPECT_EQ(refusal({ost("dimm0", 3, 132), deleted("dimm0"), ost("", 3, 0)}), "");
    EXPECT_EQ(refusal({ost("dimm0", 3, 132), ost("dimm0", 3, 130)}), "_OST: 0x82");
    EXPECT_EQ(refusal({ost("dimm0", 3, 132)}), "no _OST") << "it has only begun";
    EXPECT_EQ(refusal({deleted("dimm0")}), "no _OST");
    EXPECT_EQ(refusal({ost("dimm0", 3, 0)}), "no DEVICE_DELETED") << "the guest says so, but QEMU still has it";
    EXPECT_EQ(refusal({ost("dimm0", 3, 0), deleted("dimm1")}), "no DEVICE_DELETED");
}

TEST(AcpiOst, NonsenseIsPassedOver) {
    for (const nlohmann::json& data :
         {nlohmann::json(), nlohmann::json(7), nlohmann::json{{"info", 7}},
          nlohmann::json{{"info", {{"device", 1}, {"source", "3"}, {"status", -1}, {"slot-type", "DIMM"}}}},
          nlohmann::json{
              {"info", {{"device", "dimm0"}, {"source", 3}, {"status", 1ull << 40}, {"slot-type", "DIMM"}}}}})
        EXPECT_EQ(last_ost({QmpEvent{"ACPI_DEVICE_OST", data, {}, {}, 0}}, "dimm0", OstSource::ejection_request),
                  std::nullopt);
    EXPECT_FALSE(was_deleted({QmpEvent{"DEVICE_DELETED", nlohmann::json(), {}, {}, 0}}, "dimm0"));
}

}  // namespace
}  // namespace memrig
