// The bench files of tests/golden/benches.
#pragma once

#include <gtest/gtest.h>

#include "base/file.h"
#include "machine/bench.h"
#include "unit/support/golden_file.h"

namespace memrig {

// NAME.toml of tests/golden/benches.
inline Result<Bench> parse_golden(const std::string& name) {
    MEMRIG_TRY(const std::string text, read_file(golden_path("benches/" + name + ".toml")));
    return parse_bench(text, name + ".toml");
}

}  // namespace memrig
