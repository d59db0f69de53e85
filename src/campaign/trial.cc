#include "campaign/trial.h"

#include <algorithm>

#include "base/file.h"
#include "base/log.h"
#include "campaign/evidence.h"
#include "oracle/judge.h"
#include "probe/elision.h"
#include "schedule/director.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
constexpr auto kRestorePatience = 3min;

// Everything of a trial that lives while its machine does.
class Stage {
public:
    Stage(Machine& machine, const TrialOrder& order, SteadyTime origin)
        : machine_(machine), order_(order), timeline_(origin) {}

    Result<Judgement> play(TrialResult& result);
    Status write(SteadyTime origin) const {
        MEMRIG_CHECK(write_machine_evidence(machine_, probe_, origin, order_.directory));
        if (!ledger_) return {};
        return write_schedule_evidence(timeline_, *ledger_, stops_by_function(), order_.directory);
    }

private:
    [[nodiscard]] std::map<std::string, std::uint64_t> stops_by_function() const;

    Machine& machine_;
    const TrialOrder& order_;
    Timeline timeline_;
    Probe* probe_ = nullptr;
    std::unique_ptr<Conductor> conductor_;
    std::unique_ptr<LockLedger> ledger_;
    std::unique_ptr<RuleWatch> rules_;
    std::vector<std::unique_ptr<Elision>> elisions_;
    std::vector<std::unique_ptr<Override>> overrides_;
};

Result<Judgement> Stage::play(TrialResult& result) {
    const PreparedGuest& guest = *order_.guest;
    MEMRIG_TRY(probe_, machine_.probe());
    conductor_ = std::make_unique<Conductor>(*probe_);
    MEMRIG_TRY(MemorySnapshot before, look_before(machine_, *conductor_));
    MEMRIG_TRY(ledger_, LockLedger::make(
                            *conductor_, guest.symbols,
                            machine_.accelerator() == Accelerator::tcg ? MutexWatching::writes : MutexWatching::calls));
    for (const auto& order : order_.arm.elisions) {
        MEMRIG_TRY(auto elision, Elision::make(*conductor_, guest.symbols, order));
        elisions_.push_back(std::move(elision));
    }
    MEMRIG_TRY(rules_, RuleWatch::make(*conductor_, *ledger_, guest.symbols));
    for (const auto& order : order_.arm.overrides) {
        MEMRIG_TRY(auto forced, Override::make(*conductor_, guest.symbols, order));
        overrides_.push_back(std::move(forced));
    }
    Director director(machine_, *conductor_, *ledger_, guest.symbols, timeline_,
                      {std::move(before), order_.scenario.schedule, order_.attributes, guest.hello.block_bytes,
                       guest.order.bench.housekeeping});
    MEMRIG_TRY(const Performance performance, director.play());
    result.schedule_seconds = performance.schedule_seconds;
    result.stops = conductor_->stops();
    const ConsoleReport console = parse_console(machine_.console().text());
    TrialEvidence evidence{order_.scenario.schedule, performance,        console, {}, guest.hello.block_bytes,
                           &ledger_->events(),       rules_->breaches(), {}};
    for (const auto& forced : overrides_)
        if (forced->count() == 0) evidence.never_overridden.push_back(forced->order().function);
    for (const auto& elision : elisions_) evidence.elisions.emplace_back(elision->order(), elision->counts());
    return judge(evidence);
}

std::map<std::string, std::uint64_t> Stage::stops_by_function() const {
    std::map<std::string, std::uint64_t> stops;
    for (const auto& [address, count] : conductor_->stops_at()) stops[order_.guest->symbols.describe(address)] += count;
    return stops;
}

void blame(TrialResult& result, const Error& error) {
    result.verdict = error.fault == Fault::guest ? Verdict::inconclusive : Verdict::rig_fault;
    result.reason = error.line();
    result.findings = {Finding{"rig", result.verdict, error.line(), {}}};
}

nlohmann::json verdict_json(const TrialResult& result) {
    nlohmann::json findings = nlohmann::json::array();
    for (const auto& finding : result.findings)
        findings.push_back({{"oracle", finding.oracle},
                            {"verdict", to_string(finding.verdict)},
                            {"summary", finding.summary},
                            {"details", finding.details}});
    return {{"schema", 1},
            {"verdict", to_string(result.verdict)},
            {"reason", result.reason},
            {"choices", result.choices},
            {"seed", result.seed},
            {"findings", std::move(findings)}};
}

}  // namespace

Result<TrialResult> run_trial(Backend& backend, const TrialOrder& order) {
    TrialResult result;
    result.number = order.number;
    result.seed = order.seed;
    for (const auto& [actor, attribute] : order.attributes) result.choices[actor + ".attribute"] = attribute;
    MEMRIG_CHECK(make_directories(order.directory));

    const SteadyTime begun = steady_clock().now();
    MachineOrder machine_order = order.guest->order;
    machine_order.evidence = order.directory;
    const auto machine = backend.restore(machine_order, order.guest->state, Deadline::after(kRestorePatience));
    result.restore_seconds = seconds(steady_clock().now() - begun);
    if (!machine) {
        if (machine.error().fault == Fault::interrupted) return std::unexpected(machine.error());
        blame(result, machine.error());
        // A QEMU that somebody killed says nothing about the saved state.
        const bool killed = machine.error().message.find("killed by") != std::string::npos;
        result.did_not_restore = machine.error().fault == Fault::rig && !killed;
    } else {
        Stage stage(**machine, order, begun);
        const auto judgement = stage.play(result);
        if (judgement) {
            result.verdict = judgement->verdict;
            result.reason = judgement->reason;
            result.findings = judgement->findings;
        } else if (judgement.error().fault == Fault::interrupted || judgement.error().fault == Fault::user_input) {
            return std::unexpected(judgement.error());
        } else {
            // What we saw may be but the echo of QEMU's end.
            const bool ours = judgement.error().fault == Fault::rig;
            blame(result,
                  (*machine)->death(ours ? Duration(kExitPatience) : Duration::zero()).value_or(judgement.error()));
        }
        if (const auto written = stage.write(begun); !written) blame(result, written.error());
    }
    result.verdict_seconds = seconds(steady_clock().now() - begun);
    result.as_expected = std::ranges::find(order.arm.expected, result.verdict) != order.arm.expected.end();
    if (const auto written = write_file(order.directory / "verdict.json", text_of(verdict_json(result))); !written) {
        blame(result, written.error());
        result.as_expected = false;
    }
    return result;
}

}  // namespace memrig
