#include "campaign/slurm.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "base/process.h"
#include "base/stop_request.h"
#include "base/text.h"

namespace memrig {

namespace {

// Longer than any of Slurm's own time-outs for messages.
constexpr std::chrono::seconds kSlurmPatience{120};

constexpr std::array kPendingStates = {"PENDING",      "CONFIGURING",  "REQUEUED",      "REQUEUE_FED",
                                       "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD", "SUSPENDED"};
constexpr std::array kRunningStates = {"RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING", "STOPPED", "RESIZING"};

template <class Number>
std::optional<Number> slurm_number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

template <class Each>
void each_line(std::string_view text, Each&& each) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (!line.empty()) each(line);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

// The value of a field of scontrol's, "Key=value". Empty if there is none.
std::string_view field_of(std::string_view line, std::string_view key) {
    for (std::size_t at = 0; (at = line.find(key, at)) != std::string_view::npos; at += key.size()) {
        const bool whole = at == 0 || line[at - 1] == ' ';
        if (!whole || line.substr(at + key.size(), 1) != "=") continue;
        const std::string_view rest = line.substr(at + key.size() + 1);
        return rest.substr(0, rest.find(' '));
    }
    return {};
}

// Slurm's own words, without the command's name: "sbatch: error: Batch job submission failed: ...".
// The last line says most.
std::string slurm_words(const std::string& output) {
    std::string last;
    each_line(output, [&](std::string_view line) {
        std::size_t begin = 0;
        for (const std::string_view mark : {"error: ", "fatal: "})
            if (const std::size_t at = line.find(mark); at != std::string_view::npos) begin = at + mark.size();
        last = line.substr(begin);
    });
    return last.empty() ? "it does not say why" : one_line(last);
}

bool is_silence(const std::string& words) {
    constexpr std::array signs = {"Unable to contact", "Connection refused",      "Socket timed out",
                                  "Communication",     "Protocol authentication", "Zero Bytes",
                                  "communication",     "configuration source"};
    return std::ranges::any_of(signs, [&](const char* sign) { return words.find(sign) != std::string::npos; });
}

Result<std::string> run_slurm(const std::vector<std::string>& argv, Fault refused) {
    if (!find_program(argv[0]))
        return fail_with({Fault::host, fmt::format("Slurm is not there: {} is not in PATH", argv[0]), {}},
                         "install Slurm's client commands, or run each shard with memrig campaign run --shard K/N");
    auto ran = run_program(argv, Deadline::after(kSlurmPatience), true);
    if (!ran && stop_request().requested()) return std::unexpected(stop_request().error());
    if (!ran) return fail(Fault::host, "Slurm does not answer: {}", ran.error().message);
    if (ran->status.success()) return std::move(ran->output);
    const std::string words = slurm_words(ran->output);
    // A question is never refused: what fails is the way to the controller.
    if (refused == Fault::host || is_silence(ran->output))
        return fail(Fault::host, "Slurm does not answer: {}: {}", argv[0], words);
    return fail(refused, "Slurm refuses: {}: {}", argv[0], words);
}

}  // namespace

bool SlurmTask::is_pending() const { return std::ranges::find(kPendingStates, state) != kPendingStates.end(); }
bool SlurmTask::is_running() const { return std::ranges::find(kRunningStates, state) != kRunningStates.end(); }

std::string SlurmTask::end_text() const {
    std::string text = one_line(state);
    if (exit_signal != 0) text += fmt::format(", signal {}", exit_signal);
    else if (exit_code != 0) text += fmt::format(", exit status {}", exit_code);
    if (!reason.empty() && reason != "None" && reason != "NonZeroExitCode") text += ", " + one_line(reason);
    return text;
}

Result<std::vector<SlurmTask>> parse_squeue(std::string_view text) {
    std::vector<SlurmTask> tasks;
    std::string bad;
    each_line(text, [&](std::string_view line) {
        std::array<std::string_view, 4> words;
        std::size_t count = 0;
        for (std::string_view rest = line; count < words.size(); count++) {
            const std::size_t end = rest.find('|');
            words[count] = rest.substr(0, end);
            if (end == std::string_view::npos) {
                count++;
                break;
            }
            rest.remove_prefix(end + 1);
        }
        const auto shard = slurm_number<unsigned>(words[1]);
        if (count != 4 || words[0].empty() || words[2].empty()) bad = line;
        // "N/A" is a job without an array, which somebody else gave the same name.
        else if (shard)
            tasks.push_back({std::string(words[0]), *shard, std::string(words[2]), std::string(words[3]), {}});
    });
    if (!bad.empty()) return fail(Fault::rig, "squeue says what memrig does not understand: {}", one_line(bad));
    return tasks;
}

void add_scontrol(std::string_view text, std::vector<SlurmTask>& tasks) {
    each_line(text, [&](std::string_view line) {
        const std::string_view job = field_of(line, "ArrayJobId");
        const auto shard = slurm_number<unsigned>(field_of(line, "ArrayTaskId"));
        if (job.empty() || !shard) return;
        for (SlurmTask& task : tasks) {
            if (task.job != job || task.shard != *shard) continue;
            task.reason = field_of(line, "Reason");
            task.restarts = slurm_number<unsigned>(field_of(line, "Restarts")).value_or(0);
            const std::string_view exit = field_of(line, "ExitCode");
            const std::size_t colon = exit.find(':');
            task.exit_code = slurm_number<int>(exit.substr(0, colon)).value_or(0);
            if (colon != std::string_view::npos)
                task.exit_signal = slurm_number<int>(exit.substr(colon + 1)).value_or(0);
        }
    });
}

std::string array_text(const std::vector<unsigned>& shards) {
    std::string text;
    for (std::size_t i = 0; i < shards.size(); i++) {
        std::size_t last = i;
        while (last + 1 < shards.size() && shards[last + 1] == shards[last] + 1) last++;
        text += fmt::format("{}{}", text.empty() ? "" : ",", shards[i]);
        if (last > i) text += fmt::format("-{}", shards[last]);
        i = last;
    }
    return text;
}

Result<std::string> submit_to_slurm(const SlurmJob& job) {
    std::vector<std::string> argv = {"sbatch", "--parsable"};
    argv.insert(argv.end(), job.options.begin(), job.options.end());
    // After the user's options, since the last one counts.
    argv.insert(argv.end(), {"--job-name=" + job.name, "--array=" + array_text(job.shards), job.script.string()});
    MEMRIG_TRY(const std::string said, run_slurm(argv, Fault::user_input));
    // "ID" or "ID;CLUSTER", after warnings, if there are any.
    std::string id;
    each_line(said, [&](std::string_view line) {
        const std::string_view word = line.substr(0, line.find(';'));
        if (slurm_number<std::uint64_t>(word)) id = word;
    });
    if (id.empty()) return fail(Fault::rig, "sbatch says what memrig does not understand: {}", one_line(said));
    return id;
}

Result<std::vector<SlurmTask>> slurm_tasks(const std::string& name) {
    MEMRIG_TRY(const std::string said,
               run_slurm({"squeue", "--me", "-h", "-r", "-t", "all", "-n", name, "-o", kSqueueFormat}, Fault::host));
    MEMRIG_TRY(auto tasks, parse_squeue(said));
    std::set<std::string> jobs;
    for (const SlurmTask& task : tasks)
        if (!task.is_pending()) jobs.insert(task.job);
    for (const std::string& job : jobs)
        // A job may be forgotten between the two commands; then there are no details.
        if (const auto details = run_slurm({"scontrol", "-o", "show", "job", job}, Fault::host))
            add_scontrol(*details, tasks);
    return tasks;
}

Status cancel_in_slurm(const std::string& name) {
    MEMRIG_TRY([[maybe_unused]] const std::string said, run_slurm({"scancel", "--me", "-n", name}, Fault::host));
    return {};
}

}  // namespace memrig
