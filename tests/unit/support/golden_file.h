// Golden texts: what a test expects, below tests/golden. MEMRIG_UPDATE_GOLDEN=1 writes them anew; read the difference
// before you keep it.
//
// A file is one expected text (expect_golden()), or it holds cases (expect_golden_case()):
//
//     ==== NAME
//     the input; its lines count from 1; may be empty
//     ==== expected
//     the expected text
//
// A file that is one case begins with the input, without a line "==== NAME"; the name of the case is then "".
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"

namespace memrig {

struct GoldenCase {
    std::string name, input, expected;
};

inline fs::path golden_path(const std::string& file) { return fs::path(MEMRIG_TEST_DATA) / "golden" / file; }
inline bool updates_golden() { return std::getenv("MEMRIG_UPDATE_GOLDEN") != nullptr; }

inline void expect_golden(const std::string& file, const std::string& got) {
    const fs::path path = golden_path(file);
    if (updates_golden()) {
        ASSERT_TRUE(write_file(path, got).has_value());
    }
    const auto expected = read_file(path);
    ASSERT_TRUE(expected.has_value()) << "no " << path << ": run with MEMRIG_UPDATE_GOLDEN=1, then read it";
    EXPECT_EQ(*expected, got);
}

// The cases of a file in its order. None where there is no such file.
inline std::vector<GoldenCase> golden_cases(const std::string& file) {
    const std::string text = read_file(golden_path(file)).value_or("");
    std::vector<GoldenCase> cases;
    bool in_expected = false;
    for (std::size_t begin = 0, end; begin < text.size(); begin = end) {
        end = std::min(text.find('\n', begin), text.size() - 1) + 1;
        const std::string line = text.substr(begin, end - begin);
        const bool separates = line.starts_with("==== ");
        const bool expects = separates && line == "==== expected\n";
        if ((separates && !expects) || cases.empty()) cases.emplace_back();
        if (separates && !expects) cases.back().name = line.substr(5, line.size() - 6);
        else if (!separates) (in_expected ? cases.back().expected : cases.back().input) += line;
        if (separates) in_expected = expects;
    }
    return cases;
}

// Fails where there is no such case.
inline GoldenCase golden_case(const std::string& file, const std::string& name = "") {
    for (auto& one : golden_cases(file))
        if (one.name == name) return one;
    ADD_FAILURE() << "no case \"" << name << "\" in " << golden_path(file);
    return {};
}

inline void expect_golden_case(const std::string& file, const std::string& name, const std::string& got) {
    std::vector<GoldenCase> cases = golden_cases(file);
    auto found = std::ranges::find(cases, name, &GoldenCase::name);
    if (updates_golden()) {
        if (found == cases.end()) found = cases.insert(cases.end(), {name, "", ""});
        found->expected = got;
        std::string text;
        for (const auto& one : cases)
            text += (one.name.empty() ? "" : "==== " + one.name + "\n") + one.input + "==== expected\n" + one.expected;
        ASSERT_TRUE(write_file(golden_path(file), text).has_value());
    }
    ASSERT_TRUE(found != cases.end()) << "no case \"" << name << "\" in " << golden_path(file)
                                      << ": run with MEMRIG_UPDATE_GOLDEN=1, then read it";
    EXPECT_EQ(found->expected, got);
}

// `text` with an input of hunks applied. A hunk begins with a line "@@"; its lines begin with ' ' (kept), '-' (removed)
// or '+' (added), and apply to the first place behind the last hunk that has the kept and removed lines.
inline std::string patched(std::string text, const std::string& hunks) {
    std::size_t from = 0;
    for (std::size_t begin = 0, end; begin < hunks.size(); begin = end) {
        end = std::min(hunks.find("\n@@\n", begin), hunks.size() - 1) + 1;
        std::string before, after;
        for (std::size_t at = begin + 3, next; at < end; at = next) {
            next = std::min(hunks.find('\n', at), end - 1) + 1;
            const std::string line = hunks.substr(at + 1, next - at - 1);
            if (hunks[at] != '+') before += line;
            if (hunks[at] != '-') after += line;
        }
        std::size_t place = text.find(before, from);
        while (place != std::string::npos && place != 0 && text[place - 1] != '\n')
            place = text.find(before, place + 1);
        if (place == std::string::npos) {
            ADD_FAILURE() << "a hunk does not apply:\n" << before;
            return text;
        }
        text.replace(place, before.size(), after);
        from = place + after.size();
    }
    return text;
}

}  // namespace memrig
