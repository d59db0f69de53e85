// MEMRIG_LOG as it is read, and what its levels let through.
#include "base/log.h"

#include <algorithm>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace memrig {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

LogLevels levels(std::string_view text) {
    const auto parsed = parse_log_levels(text);
    if (parsed) return *parsed;
    ADD_FAILURE() << parsed.error().line();
    return {};
}

void expect_refused(std::string_view text, const std::string& message, const std::string& remedy) {
    const auto parsed = parse_log_levels(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().fault, Fault::user_input);
    EXPECT_EQ(parsed.error().message, message);
    EXPECT_THAT(parsed.error().remedy, HasSubstr(remedy));
}

TEST(LogLevels, NothingIsWarn) {
    for (const auto* text : {"", ",", " , "}) {
        EXPECT_EQ(levels(text).general, spdlog::level::warn);
        EXPECT_THAT(levels(text).layers, IsEmpty());
    }
}

TEST(LogLevels, OneForAllAndOneForALayer) {
    const LogLevels some = levels("info, probe=debug,qmp = trace,");
    EXPECT_EQ(some.general, spdlog::level::info);
    EXPECT_THAT(some.layers, UnorderedElementsAre(Pair(LogLayer::probe, spdlog::level::debug),
                                                  Pair(LogLayer::qmp, spdlog::level::trace)));
    EXPECT_EQ(levels("probe=debug,off").general, spdlog::level::off) << "in any order";
    EXPECT_EQ(levels("info,error").general, spdlog::level::err) << "the last one counts";
    EXPECT_EQ(levels("warning").general, spdlog::level::warn);
    EXPECT_EQ(levels("err").general, spdlog::level::err);
}

TEST(LogLevels, EveryLayerHasItsName) {
    std::size_t index = 0;
    for (const auto name : log_layer_names()) {
        const auto layer = static_cast<LogLayer>(index++);
        EXPECT_THAT(levels(std::string(name) + "=debug").layers,
                    UnorderedElementsAre(Pair(layer, spdlog::level::debug)));
        EXPECT_EQ(logger(layer).name(), name);
    }
    EXPECT_EQ(logger(LogLayer::campaign).name(), log_layer_names().back()) << "it is the last one";
}

TEST(LogLevels, WhatIsNotThereIsNamed) {
    expect_refused("prob=debug", "MEMRIG_LOG: there is no layer \"prob\"", "qmp, guest, probe");
    expect_refused("=debug", "MEMRIG_LOG: there is no layer \"\"", "qmp, guest, probe");
    expect_refused("probe", "MEMRIG_LOG: there is no level \"probe\"", "trace, debug, info");
    expect_refused("warn,probe=dbug", "MEMRIG_LOG: there is no level \"dbug\"", "trace, debug, info");
    expect_refused("probe=", "MEMRIG_LOG: there is no level \"\"", "trace, debug, info");
    expect_refused("Warn", "MEMRIG_LOG: there is no level \"Warn\"", "trace, debug, info");
}

TEST(Logging, EachLayerHasALevelOfItsOwn) {
    ASSERT_EQ(::setenv("MEMRIG_LOG", "off,probe=debug", 1), 0);
    ASSERT_TRUE(set_up_logging());
    ::testing::internal::CaptureStderr();
    logger(LogLayer::probe).debug("a stop at {:#x}", 0x40);
    logger(LogLayer::probe).trace("a trace");
    logger(LogLayer::qmp).error("an error");
    const std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(text, HasSubstr(" probe debug a stop at 0x40\n"));
    EXPECT_EQ(std::ranges::count(text, '\n'), 1);
    ASSERT_EQ(::setenv("MEMRIG_LOG", "info,nobody=debug", 1), 0);
    EXPECT_FALSE(set_up_logging());
    EXPECT_EQ(logger(LogLayer::qmp).level(), spdlog::level::off) << "the levels stay";
}

}  // namespace
}  // namespace memrig
