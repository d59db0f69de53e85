// Golden files: what a report was, below tests/golden/report. MEMRIG_UPDATE_GOLDEN=1 writes them anew.
#pragma once

#include <cstdlib>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/paths.h"

namespace memrig {

inline void expect_golden(const std::string& file, const std::string& got) {
    const fs::path path = home_directory() / "tests" / "golden" / "report" / file;
    if (std::getenv("MEMRIG_UPDATE_GOLDEN") != nullptr) {
        ASSERT_TRUE(write_file(path, got).has_value());
    }
    const auto expected = read_file(path);
    ASSERT_TRUE(expected.has_value()) << "no " << shown(path) << ": run with MEMRIG_UPDATE_GOLDEN=1, then read it";
    EXPECT_EQ(*expected, got);
}

}  // namespace memrig
