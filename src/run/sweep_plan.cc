#include "run/sweep_plan.h"

#include "base/file.h"
#include "run/evidence.h"

namespace memrig {

namespace {

constexpr std::uint64_t kMostPlanBytes = 256u << 20;

nlohmann::ordered_json call_json(const FailureSpec& failure) {
    return {{"actor", failure.actor},
            {"function", failure.function},
            {"path", failure.path},
            {"nth", failure.nth},
            {"value", static_cast<std::int64_t>(failure.value)}};
}

FailureSpec call_of(const nlohmann::ordered_json& json) {
    return {json.at("actor").get<std::string>(), json.at("function").get<std::string>(),
            json.at("path").get<std::vector<std::string>>(), json.at("nth").get<unsigned>(),
            static_cast<std::uint64_t>(json.at("value").get<std::int64_t>())};
}

SweepCase case_of(const nlohmann::ordered_json& json, std::size_t number) {
    SweepCase one;
    one.number = static_cast<unsigned>(number);
    one.failure = call_of(json);
    one.recorded = json.at("of").get<unsigned>();
    if (json.contains("then")) one.second = call_of(json.at("then"));
    return one;
}

}  // namespace

nlohmann::ordered_json failure_json(const SweepCase& one) {
    nlohmann::ordered_json json = call_json(one.failure);
    json["of"] = one.recorded;
    if (one.second) json["then"] = call_json(*one.second);
    return json;
}

Status write_plan(const Sweep& sweep, const std::string& identity, const std::filesystem::path& directory) {
    auto cases = nlohmann::ordered_json::array();
    for (const auto& one : sweep.cases) cases.push_back(failure_json(one));
    return write_file(directory / "plan.json", text_of({{"schema", 1},
                                                        {"identity", identity},
                                                        {"kernel", sweep.kernel},
                                                        {"release", sweep.release},
                                                        {"bench", sweep.bench},
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
        const auto json = nlohmann::ordered_json::parse(text);
        if (json.at("identity").get<std::string>() != identity)
            return fail_with(
                {Fault::user_input, fmt::format("{} is of {}", path.string(), kOtherSweep), {}},
                "resume with the options that the sweep began with, or start a new one with another --out");
        sweep.kernel = json.at("kernel").get<std::string>();
        sweep.release = json.at("release").get<std::string>();
        sweep.bench = json.at("bench").get<std::string>();
        sweep.calls = json.at("calls").get<std::size_t>();
        sweep.paths = json.at("paths").get<std::size_t>();
        for (const auto& failure : json.at("cases")) sweep.cases.push_back(case_of(failure, sweep.cases.size() + 1));
    } catch (const nlohmann::ordered_json::exception& error) {
        return fail(Fault::user_input, "{} is damaged: {}", path.string(), error.what());
    }
    return true;
}

}  // namespace memrig
