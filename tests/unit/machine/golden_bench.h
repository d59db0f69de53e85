// The bench files of tests/golden/benches.
#pragma once

#include <cstdlib>

#include <gtest/gtest.h>

#include "base/file.h"
#include "machine/bench.h"

namespace memrig {

inline fs::path golden_directory() { return fs::path(MEMRIG_TEST_DATA) / "golden" / "benches"; }

inline void expect_golden(const std::string& file, const std::string& got) {
    const fs::path path = golden_directory() / file;
    if (std::getenv("MEMRIG_UPDATE_GOLDEN") != nullptr) {
        ASSERT_TRUE(write_file(path, got));
    }
    const auto expected = read_file(path);
    ASSERT_TRUE(expected) << "no " << shown(path) << ": run with MEMRIG_UPDATE_GOLDEN=1, then read it";
    EXPECT_EQ(*expected, got);
}

inline Result<Bench> parse_golden(const std::string& name) {
    MEMRIG_TRY(const std::string text, read_file(golden_directory() / (name + ".toml")));
    return parse_bench(text, name + ".toml");
}

}  // namespace memrig
