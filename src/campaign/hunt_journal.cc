#include "campaign/hunt_journal.h"

#include "base/file.h"
#include "run/trial_json.h"

namespace memrig {

namespace {

using HuntLine = nlohmann::json;

constexpr const char* kOtherHunt = "another kernel, seed, bench, strategy, changed arm or memrig version";

// Nothing if it is no list of strings.
std::optional<std::vector<std::string>> words_of(const HuntLine& line, const char* key) {
    if (!line.contains(key) || !line[key].is_array()) return std::nullopt;
    std::vector<std::string> words;
    for (const auto& word : line[key]) {
        if (!word.is_string()) return std::nullopt;
        words.push_back(word.get<std::string>());
    }
    return words;
}

Result<HuntedCase> hunted_of(const std::string& text, const std::filesystem::path& path) {
    const auto damaged = [&] { return fail(Fault::user_input, "{} is damaged", path.string()); };
    const HuntLine line = HuntLine::parse(text, nullptr, false);
    if (!line.is_object() || !line.contains("drawn")) return damaged();
    auto one = case_of(line["drawn"]);
    auto passed = words_of(line, "passed"), covered = words_of(line, "covered"), kernel = words_of(line, "kernel");
    if (!one || one->number == 0 || line.value("case", HuntLine()) != HuntLine(one->number) || !passed || !covered ||
        !kernel || kernel->size() != 2 || !line.contains("at_seconds") || !line["at_seconds"].is_number())
        return damaged();
    HuntedCase hunted;
    hunted.one = *std::move(one);
    hunted.at_seconds = line["at_seconds"].get<double>();
    hunted.passed = *std::move(passed);
    hunted.covered = {covered->begin(), covered->end()};
    hunted.release = kernel->front();
    hunted.image = kernel->back();
    if (line.contains("not_played") && line["not_played"].is_string()) {
        hunted.not_played = line["not_played"].get<std::string>();
        return hunted;
    }
    if (!line.contains("outcome")) return damaged();
    MEMRIG_TRY(TrialOutcome outcome, read_outcome(line_of(line["outcome"]), path.string()));
    hunted.trial = std::move(outcome.result);
    return hunted;
}

}  // namespace

Result<std::map<unsigned, HuntedCase>> HuntJournal::start(const std::string& identity, std::uint64_t seed,
                                                          bool resume) {
    const HuntLine head = {{"schema", 2}, {"identity", identity}, {"seed", seed}};
    MEMRIG_TRY(const auto lines, journal_.start(line_of(head), resume, kOtherHunt));
    std::map<unsigned, HuntedCase> cases;
    for (const auto& line : lines) {
        MEMRIG_TRY(HuntedCase hunted, hunted_of(line, journal_.path()));
        const unsigned number = hunted.one.number;
        cases.insert_or_assign(number, std::move(hunted));
    }
    return cases;
}

Status HuntJournal::append(const HuntedCase& hunted) {
    HuntLine line = {{"case", hunted.one.number},       {"drawn", case_json(hunted.one)},
                     {"at_seconds", hunted.at_seconds}, {"passed", hunted.passed},
                     {"covered", hunted.covered},       {"kernel", {hunted.release, hunted.image}}};
    if (hunted.not_played.empty()) {
        TrialOutcome outcome;
        outcome.result = hunted.trial;
        line["outcome"] = outcome_json(outcome);
    } else line["not_played"] = hunted.not_played;
    return journal_.append(line_of(line));
}

Result<std::uint64_t> seed_of_hunt(const std::filesystem::path& directory) {
    constexpr std::uint64_t most = 1u << 30;
    const fs::path path = directory / "hunt.jsonl";
    const auto text = read_file(path, most);
    if (!text) return fail(Fault::user_input, "there is no hunt in {}", directory.string());
    const HuntLine head = HuntLine::parse(text->substr(0, text->find('\n')), nullptr, false);
    if (!head.is_object() || !head.contains("seed") || !head["seed"].is_number_unsigned())
        return fail(Fault::user_input, "{} is damaged", path.string());
    return head["seed"].get<std::uint64_t>();
}

bool read_shrunk(const std::filesystem::path& directory, HuntFinding& finding) {
    constexpr std::uint64_t most = 1u << 16;
    const fs::path file = fmt::format("findings/{}.toml", finding.hash);
    const auto text = read_file(directory / fs::path(file).replace_extension("json"), most);
    const HuntLine json = text ? HuntLine::parse(*text, nullptr, false) : HuntLine();
    std::error_code code;
    if (!json.is_object() || !fs::exists(directory / file, code)) return false;
    try {
        json.at("actors").get_to(finding.actors);
        json.at("attempts").get_to(finding.attempts);
        json.at("again").get_to(finding.again);
        json.at("of").get_to(finding.of);
    } catch (const HuntLine::exception&) {
        return false;
    }
    finding.file = file.string();
    return finding.of > 0;
}

Status write_finding(const std::filesystem::path& directory, HuntFinding& finding, const std::string& arm) {
    finding.file = fmt::format("findings/{}.toml", finding.hash);
    finding.actors.clear();
    for (const auto& actor : finding.smallest.racers) finding.actors.push_back(actor.name);
    MEMRIG_CHECK(make_directories(directory / "findings"));
    MEMRIG_CHECK(write_file(directory / finding.file, scenario_text(finding.smallest, arm)));
    if (finding.of == 0) return {};
    const HuntLine shrunk = {
        {"actors", finding.actors}, {"attempts", finding.attempts}, {"again", finding.again}, {"of", finding.of}};
    return write_file((directory / finding.file).replace_extension("json"), shrunk.dump(2) + "\n");
}

}  // namespace memrig
