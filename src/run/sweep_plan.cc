#include "run/sweep_plan.h"

#include "base/file.h"
#include "run/evidence.h"

namespace memrig {

namespace {

constexpr std::uint64_t kMostPlanBytes = 256u << 20;

SweepCase case_of(const nlohmann::ordered_json& failures, std::size_t number) {
    SweepCase one;
    one.number = static_cast<unsigned>(number);
    for (const auto& json : failures) {
        one.failures.push_back({json.at("actor").get<std::string>(), json.at("function").get<std::string>(),
                                json.at("path").get<std::vector<std::string>>(), json.at("nth").get<unsigned>(),
                                static_cast<std::uint64_t>(json.at("value").get<std::int64_t>())});
        one.counts.push_back(json.at("of").get<unsigned>());
    }
    return one;
}

}  // namespace

nlohmann::ordered_json failures_json(const SweepCase& one) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < one.failures.size(); i++) {
        const FailureSpec& failure = one.failures[i];
        list.push_back({{"actor", failure.actor},
                        {"function", failure.function},
                        {"path", failure.path},
                        {"nth", failure.nth},
                        {"of", one.counts[i]},
                        {"value", static_cast<std::int64_t>(failure.value)}});
    }
    return list;
}

Status write_plan(const Sweep& sweep, const std::string& identity, const std::filesystem::path& directory) {
    nlohmann::ordered_json cases = nlohmann::ordered_json::array();
    for (const auto& one : sweep.cases) cases.push_back(failures_json(one));
    return write_file(directory / "plan.json", text_of({{"schema", 1},
                                                        {"identity", identity},
                                                        {"calls", sweep.calls},
                                                        {"paths", sweep.paths},
                                                        {"cases", std::move(cases)}}));
}

Result<bool> read_plan(const std::filesystem::path& directory, const std::string& identity, Sweep& sweep) {
    const fs::path path = directory / "plan.json";
    std::error_code code;
    if (!fs::exists(path, code)) return false;
    MEMRIG_TRY(const std::string text, read_file(path, kMostPlanBytes));
    try {
        const nlohmann::ordered_json json = nlohmann::ordered_json::parse(text);
        if (json.at("identity").get<std::string>() != identity)
            return fail_with(
                {Fault::user_input, fmt::format("{} is of {}", path.string(), kOtherSweep), {}},
                "resume with the options that the sweep began with, or start a new one with another --out");
        sweep.calls = json.at("calls").get<std::size_t>();
        sweep.paths = json.at("paths").get<std::size_t>();
        for (const auto& failures : json.at("cases")) sweep.cases.push_back(case_of(failures, sweep.cases.size() + 1));
    } catch (const nlohmann::ordered_json::exception& error) {
        return fail(Fault::user_input, "{} is damaged: {}", path.string(), error.what());
    }
    return true;
}

}  // namespace memrig
