#include "qmp/wire.h"

#include <gtest/gtest.h>

namespace memrig {
namespace {

using nlohmann::json;
using std::chrono::microseconds;

TEST(QmpWire, ParsesWhatIsJsonAndNothingElse) {
    EXPECT_EQ(parse_bounded(R"({"a": [1, 2]})"), json({{"a", {1, 2}}}));
    EXPECT_EQ(parse_bounded("[]"), json::array());
    for (const char* text : {"", " ", "{", "}", "nul", "{\"a\" 1}", "NaN", "\"\xff\"", R"("\ud800")", "{} {}"})
        EXPECT_FALSE(parse_bounded(text)) << text;
}

TEST(QmpWire, RefusesDeepNesting) {
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_TRUE(parse_bounded(nested(60)));
    EXPECT_FALSE(parse_bounded(nested(70)));
    EXPECT_FALSE(parse_bounded(nested(1'000'000)));
    EXPECT_FALSE(parse_bounded(std::string(1'000'000, '[')));
}

TEST(QmpWire, DecodesAnEvent) {
    const auto event = decode_event(R"({"timestamp": {"seconds": 1700000000, "microseconds": 42}, "event": "SHUTDOWN",
                                        "data": {"guest": false, "reason": "host-qmp-quit"}})");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->name, "SHUTDOWN");
    EXPECT_EQ(event->data["reason"], "host-qmp-quit");
    EXPECT_EQ(event->stamp, microseconds(1'700'000'000'000'042));
    EXPECT_GT(event->seen.time_since_epoch().count(), 0);
}

TEST(QmpWire, AnEventWithoutDataHasAnEmptyObject) {
    const auto event = decode_event(R"({"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 0}})");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->data, json::object());
}

TEST(QmpWire, AnUnknownTimeIsNoTime) {
    const auto event = decode_event(R"({"event": "STOP", "timestamp": {"seconds": -1, "microseconds": -1}})");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->stamp, microseconds(0));
}

TEST(QmpWire, RefusesMalformedEvents) {
    for (const char* text : {
             "",
             "[]",
             "{}",
             R"({"event": "STOP"})",
             R"({"event": 1, "timestamp": {"seconds": 1, "microseconds": 0}})",
             R"({"event": "STOP", "timestamp": 5})",
             R"({"event": "STOP", "timestamp": {"seconds": 1}})",
             R"({"event": "STOP", "timestamp": {"seconds": "1", "microseconds": 0}})",
             R"({"event": "STOP", "timestamp": {"seconds": 1.5, "microseconds": 0}})",
             R"({"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 1000000}})",
             R"({"event": "STOP", "timestamp": {"seconds": -9223372036854775808, "microseconds": 0}})",
             R"({"event": "STOP", "timestamp": {"seconds": 18446744073709551615, "microseconds": 0}})",
             R"({"event": "STOP", "timestamp": {"seconds": 1e300, "microseconds": 0}})",
             R"({"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 0}, "data": []})",
         })
        EXPECT_FALSE(decode_event(text)) << text;
}

TEST(QmpWire, MapsEachKindOfFailure) {
    EXPECT_EQ(decode_failure("transport", "", "gone").fault, QmpFault::transport);
    EXPECT_EQ(decode_failure("protocol", "", "what?").fault, QmpFault::protocol);
    EXPECT_EQ(decode_failure("refused", "GenericError", "no").fault, QmpFault::refused);
    EXPECT_EQ(decode_failure("deadline", "", "late").fault, QmpFault::deadline);
    EXPECT_EQ(decode_failure("something else", "", "").fault, QmpFault::protocol);
}

TEST(QmpWire, DecodesOutcomes) {
    EXPECT_EQ(decode_outcome("ok", "", R"({"running": true})"), json({{"running", true}}));

    const auto refused = decode_outcome("refused", "DeviceNotFound", "Device 'x' not found");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, QmpFault::refused);
    EXPECT_EQ(refused.error().error_class, "DeviceNotFound");
    EXPECT_EQ(refused.error().description, "Device 'x' not found");

    const auto garbage = decode_outcome("ok", "", "{");
    ASSERT_FALSE(garbage);
    EXPECT_EQ(garbage.error().fault, QmpFault::protocol);
}

TEST(QmpError, SaysWhoseFaultItIs) {
    EXPECT_EQ((QmpError{QmpFault::interrupted, "", "interrupted by SIGINT"}.error().fault), Fault::interrupted);
    for (const QmpFault fault : {QmpFault::transport, QmpFault::protocol, QmpFault::refused, QmpFault::deadline})
        EXPECT_EQ((QmpError{fault, "", "x"}.error().fault), Fault::rig) << to_string(fault);
    EXPECT_EQ((QmpError{QmpFault::refused, "GenericError", "no slot left"}.error().line()),
              "QEMU refused: no slot left (GenericError)");
}

}  // namespace
}  // namespace memrig
