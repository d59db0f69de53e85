// The scenario file without a mistake that the tests of this layer change: tests/golden/scenarios/good.toml.
#pragma once

#include <gtest/gtest.h>

#include "base/file.h"
#include "scenario/scenario.h"

namespace memrig {

inline fs::path golden_directory() { return fs::path(MEMRIG_TEST_DATA) / "golden" / "scenarios"; }

// It, with `explore` behind it.
inline Scenario good_with(const std::string& explore) {
    TomlDocument document =
        TomlDocument::parse(*read_file(golden_directory() / "good.toml") + "\n" + explore, "good.toml");
    Scenario scenario = parse_scenario(document, "good");
    EXPECT_TRUE(document.status()) << document.status().error().message;
    return scenario;
}

}  // namespace memrig
