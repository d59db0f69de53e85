// What QEMU tells of a guest that does not give a device back.
#include "hotplug/unplug_error.h"

#include <gtest/gtest.h>

namespace memrig {
namespace {

QmpEvent event(const std::string& name, nlohmann::json data) { return {name, std::move(data), {}, {}, 0}; }

TEST(UnplugError, IsHeardByEitherName) {
    for (const char* name : {"DEVICE_UNPLUG_GUEST_ERROR", "MEM_UNPLUG_ERROR"}) {
        EXPECT_TRUE(unplug_failed({event("STOP", {}), event(name, {{"device", "dimm0"}, {"msg", "no"}})}, "dimm0"));
        EXPECT_FALSE(unplug_failed({event(name, {{"device", "dimm1"}})}, "dimm0")) << "it is another one's";
    }
    EXPECT_FALSE(unplug_failed({event("DEVICE_DELETED", {{"device", "dimm0"}})}, "dimm0"));
}

TEST(UnplugError, NonsenseIsPassedOver) {
    for (const nlohmann::json& data : {nlohmann::json(), nlohmann::json(7), nlohmann::json::array({"device"}),
                                       nlohmann::json{{"device", 7}}, nlohmann::json{{"path", "dimm0"}}})
        EXPECT_FALSE(unplug_failed({event("DEVICE_UNPLUG_GUEST_ERROR", data)}, "dimm0")) << data;
}

}  // namespace
}  // namespace memrig
