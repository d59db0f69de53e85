// Any text as a scenario file: reading must come back, and every mistake must have its place.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "machine/bench.h"
#include "scenario/scenario.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are what the fuzzer has, text is what is
    // parsed
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    memrig::TomlDocument document = memrig::TomlDocument::parse(text, "fuzz.toml");
    const memrig::Scenario scenario = memrig::parse_scenario(document, "fuzz");
    for (const auto& diagnostic : document.diagnostics()) {
        require(diagnostic.file == "fuzz.toml");
        require(!diagnostic.message.empty());
    }
    if (document.diagnostics().empty()) {
        // A good scenario is fit to be played.
        require(scenario.arms.size() >= 2 && !scenario.schedule.steps.empty());
        require(scenario.schedule.steps.back().kind == memrig::StepKind::settle);
        for (const auto& step : scenario.schedule.steps)
            require(step.kind == memrig::StepKind::settle || scenario.schedule.find(step.actor) != nullptr);
        for (const auto& arm : scenario.arms) require(!arm.expected.empty());
    }
    (void)memrig::parse_bench(text, "fuzz.toml");
    return 0;
}
