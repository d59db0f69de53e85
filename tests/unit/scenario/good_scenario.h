// The scenario file without a mistake that the tests of this layer change: tests/golden/scenarios/good.toml.
#pragma once

#include <gtest/gtest.h>

#include "base/file.h"
#include "scenario/scenario.h"
#include "unit/support/golden_file.h"

namespace memrig {

inline std::string cases_file(const std::string& topic) { return "scenarios/" + topic + ".cases"; }
inline std::string good_text() { return read_file(golden_path("scenarios/good.toml")).value_or(""); }

// It, with `explore` behind it.
inline Scenario good_with(const std::string& explore) {
    TomlDocument document = TomlDocument::parse(good_text() + "\n" + explore, "good.toml");
    Scenario scenario = parse_scenario(document, "good");
    EXPECT_TRUE(document.status()) << document.status().error().message;
    return scenario;
}

}  // namespace memrig
