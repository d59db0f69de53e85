#include "report/trial_record.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"

namespace memrig {

namespace {

using nlohmann::json;

// The largest file: far more than the longest trial leaves, and small enough to be held in memory as JSON.
constexpr std::uint64_t kMostBytes = 64ull << 20;
constexpr int kDeepest = 32;
// The longest list of a call path or of the ledger's gaps, and the longest text in it.
constexpr std::size_t kMostLines = 1000;
constexpr std::size_t kLineColumns = 400;
constexpr double kLatest = 1e9;  // ms: eleven days
constexpr std::array kFiles = {"timeline.json", "locks.json", "console.log", "qmp.jsonl", "lockgraph.json"};

// One file, with functions that make its error messages.
struct Source {
    fs::path path;
    std::string text;

    [[nodiscard]] std::unexpected<Error> damaged(const std::string& what) const {
        return fail(Fault::user_input, "{}: {}", path.string(), what);
    }
    [[nodiscard]] std::unexpected<Error> damaged(std::size_t line, const std::string& what) const {
        return fail(Fault::user_input, "{}:{}: {}", path.string(), line, what);
    }
};

// Empty if there is no such file.
Result<std::optional<Source>> read_source(const fs::path& directory, const char* name) {
    const fs::path path = directory / name;
    std::error_code code;
    if (!fs::exists(path, code)) return std::nullopt;
    auto text = read_file(path, kMostBytes);
    if (!text) return fail(Fault::user_input, "{}", text.error().message);
    return Source{path, std::move(*text)};
}

// Returns true if the text nests lists and objects more deeply than any file of memrig. A callback of the parser could
// tell this, too, but it makes the parser go through a whole list at each of its elements.
bool is_too_deep(std::string_view text) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); i++) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') i++;
            else in_string = c != '"';
            continue;
        }
        if (c == '"') in_string = true;
        else if (c == '[' || c == '{') depth++;
        else if (c == ']' || c == '}') depth--;
        if (depth > kDeepest) return true;
    }
    return false;
}

// Empty if the text is not JSON, or too deep.
std::optional<json> parse(std::string_view text) {
    if (is_too_deep(text)) return std::nullopt;
    json parsed = json::parse(text, nullptr, false);
    if (parsed.is_discarded()) return std::nullopt;
    return parsed;
}

// --- typed reads from an object; empty if the key is missing or of another type

const json* member(const json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
}

std::optional<std::string> text_in(const json& object, const char* key) {
    const json* value = member(object, key);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return value->get<std::string>();
}

// Returns a list of texts, made one line each. A missing list is an empty one.
std::optional<std::vector<std::string>> lines_in(const json& object, const char* key) {
    std::vector<std::string> lines;
    const json* list = member(object, key);
    if (list == nullptr) return lines;
    if (!list->is_array() || list->size() > kMostLines) return std::nullopt;
    for (const auto& line : *list) {
        if (!line.is_string()) return std::nullopt;
        lines.push_back(cut(one_line(line.get_ref<const std::string&>()), kLineColumns));
    }
    return lines;
}

bool is_time(double ms) { return std::isfinite(ms) && ms >= 0 && ms <= kLatest; }

std::optional<double> time_in(const json& object) {
    const json* value = member(object, "ms");
    if (value == nullptr || !value->is_number()) return std::nullopt;
    const double ms = value->get<double>();
    return is_time(ms) ? std::optional(ms) : std::nullopt;
}

std::optional<unsigned> vcpu_in(const json& object) {
    const json* value = member(object, "vcpu");
    if (value == nullptr || !value->is_number_unsigned() || value->get<std::uint64_t>() > 0xffff) return std::nullopt;
    return value->get<unsigned>();
}

std::optional<LockAction> action_in(const json& object) {
    const auto text = text_in(object, "action");
    for (const auto action : {LockAction::wants, LockAction::takes, LockAction::refused, LockAction::releases})
        if (text && *text == to_string(action)) return action;
    return std::nullopt;
}

std::optional<RecordedEvent> happening_from(const json& entry) {
    if (!entry.is_object()) return std::nullopt;
    const auto ms = time_in(entry);
    auto actor = text_in(entry, "actor"), what = text_in(entry, "what"), text = text_in(entry, "text");
    const auto vcpu = vcpu_in(entry);
    if (!ms || !actor || !what || !text || (entry.contains("vcpu") && !vcpu)) return std::nullopt;
    return RecordedEvent{*ms, std::move(*actor), std::move(*what), std::move(*text), vcpu};
}

std::optional<RecordedLock> lock_from(const json& entry) {
    if (!entry.is_object()) return std::nullopt;
    const auto ms = time_in(entry);
    const auto task = stack_of(text_in(entry, "task").value_or(""));
    const auto vcpu = vcpu_in(entry);
    const auto action = action_in(entry);
    const json* shared = member(entry, "shared");
    auto lock = text_in(entry, "lock"), instance = text_in(entry, "instance"), where = text_in(entry, "where");
    auto path = lines_in(entry, "path");
    if (!ms || !task || !vcpu || !action || shared == nullptr || !shared->is_boolean() || !lock || !instance ||
        !where || !path)
        return std::nullopt;
    return RecordedLock{*ms,
                        *task,
                        *vcpu,
                        *action,
                        shared->get<bool>(),
                        std::move(*lock),
                        std::move(*instance),
                        std::move(*where),
                        std::move(*path)};
}

// --- the files

// Reads a document of schema 1 that has a list under `key`.
Result<json> parse_document(const Source& source, const char* key) {
    auto document = parse(source.text);
    if (!document) return source.damaged("not the JSON that memrig writes; is it truncated?");
    const json* schema = document->is_object() ? member(*document, "schema") : nullptr;
    if (schema == nullptr || *schema != 1) return source.damaged("\"schema\" is not 1");
    const json* list = member(*document, key);
    if (list == nullptr || !list->is_array()) return source.damaged(fmt::format("there is no list \"{}\"", key));
    return std::move(*document);
}

Status read_timeline(const Source& source, TrialRecord& record) {
    MEMRIG_TRY(const json document, parse_document(source, "happenings"));
    for (const auto& entry : document["happenings"]) {
        auto happening = happening_from(entry);
        if (!happening)
            return source.damaged(fmt::format("\"happenings\"[{}] is not a timeline event", record.happenings.size()));
        record.happenings.push_back(std::move(*happening));
    }
    std::ranges::stable_sort(record.happenings, {}, &RecordedEvent::ms);
    return {};
}

Status read_tasks(const Source& source, const json& tasks, TrialRecord& record) {
    if (!tasks.is_object()) return source.damaged("\"tasks\" is not an object");
    for (const auto& [key, entry] : tasks.items()) {
        const auto stack = stack_of(key);
        if (!stack || !entry.is_object()) return source.damaged("\"tasks\" has an entry that is not a task");
        RecordedTask task{text_in(entry, "actor").value_or(""), text_in(entry, "comm").value_or(""), {}};
        const json* pid = member(entry, "pid");
        if (pid != nullptr && pid->is_number_integer()) task.pid = pid->get<std::int64_t>();
        record.tasks[*stack] = std::move(task);
    }
    return {};
}

Status read_locks(const Source& source, TrialRecord& record) {
    MEMRIG_TRY(const json document, parse_document(source, "events"));
    for (const auto& entry : document["events"]) {
        auto lock = lock_from(entry);
        if (!lock) return source.damaged(fmt::format("\"events\"[{}] is not a lock event", record.locks.size()));
        record.locks.push_back(std::move(*lock));
    }
    std::ranges::stable_sort(record.locks, {}, &RecordedLock::ms);
    record.has_locks = true;
    auto gaps = lines_in(document, "gaps");
    if (!gaps) return source.damaged("\"gaps\" is not a list of texts");
    record.gaps = std::move(*gaps);
    const json* tasks = member(document, "tasks");
    return tasks == nullptr ? Status() : read_tasks(source, *tasks, record);
}

template <class Reader>
Status each_line(const Source& source, Reader read) {
    std::string_view rest = source.text;
    for (std::size_t number = 1; !rest.empty(); number++) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        MEMRIG_CHECK(read(number, rest.substr(0, end)));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return {};
}

// Reads lines such as "   1286.224 text of the line".
Status read_console(const Source& source, TrialRecord& record) {
    return each_line(source, [&](std::size_t number, std::string_view line) -> Status {
        const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
        double ms = 0;
        const auto [stop, error] = std::from_chars(line.data() + begin, line.data() + line.size(), ms);
        if (error != std::errc() || stop == line.data() + line.size() || *stop != ' ' || !is_time(ms))
            return source.damaged(number, "expected milliseconds and a text");
        record.console.push_back({ms, std::string(stop + 1, line.data() + line.size())});
        return {};
    });
}

std::optional<RecordedQmp> qmp_from(const json& entry) {
    if (!entry.is_object()) return std::nullopt;
    const auto ms = time_in(entry);
    const json* message = member(entry, "sent");
    const bool sent = message != nullptr;
    if (!sent) message = member(entry, "received");
    if (!ms || message == nullptr || !message->is_object()) return std::nullopt;
    RecordedQmp qmp{*ms, QmpKind::answer, {}, {}};
    if (sent) {
        auto name = text_in(*message, "execute");
        if (!name) name = text_in(*message, "exec-oob");
        if (!name) return std::nullopt;
        qmp.kind = QmpKind::command;
        qmp.name = std::move(*name);
    } else if (auto event = text_in(*message, "event")) {
        qmp.kind = QmpKind::event;
        qmp.name = std::move(*event);
    } else if (const json* error = member(*message, "error"); error != nullptr && error->is_object()) {
        qmp.kind = QmpKind::error;
        qmp.name = text_in(*error, "desc").value_or("no description");
    }
    return qmp;
}

Status read_qmp(const Source& source, TrialRecord& record) {
    return each_line(source, [&](std::size_t number, std::string_view line) -> Status {
        const auto entry = parse(line);
        auto qmp = entry ? qmp_from(*entry) : std::nullopt;
        if (!qmp) return source.damaged(number, "expected a QMP message with its milliseconds");
        qmp->line = line;
        record.qmp.push_back(std::move(*qmp));
        return {};
    });
}

std::optional<LockEdge> order_from(const json& entry) {
    if (!entry.is_object()) return std::nullopt;
    const auto texts = [&](const char* key) {
        const auto lines = lines_in(entry, key);
        return lines ? std::optional(std::set<std::string>(lines->begin(), lines->end())) : std::nullopt;
    };
    const auto from = text_in(entry, "from"), to = text_in(entry, "to");
    const auto from_where = text_in(entry, "from_where"), to_where = text_in(entry, "to_where");
    const json *from_shared = member(entry, "from_shared"), *to_shared = member(entry, "to_shared");
    const auto gates = texts("gates"), shared_gates = texts("shared_gates");
    const auto is_flag = [](const json* flag) { return flag != nullptr && flag->is_boolean(); };
    if (!from || !to || !from_where || !to_where || !is_flag(from_shared) || !is_flag(to_shared) || !gates ||
        !shared_gates)
        return std::nullopt;
    const auto line = [](const std::string& text) { return cut(one_line(text), kLineColumns); };
    return LockEdge{line(*from), line(*to),     from_shared->get<bool>(), to_shared->get<bool>(), 0,
                    *gates,      *shared_gates, line(*from_where),        line(*to_where)};
}

Status read_lock_graph(const Source& source, TrialRecord& record) {
    MEMRIG_TRY(const json document, parse_document(source, "edges"));
    std::map<std::string, std::uint64_t> numbers;
    for (const auto& entry : document["edges"]) {
        auto order = order_from(entry);
        const auto task = order ? text_in(entry, "task") : std::nullopt;
        if (!task) return source.damaged(fmt::format("\"edges\"[{}] is not an order of locks", record.orders.size()));
        const auto [number, is_new] = numbers.emplace(*task, numbers.size());
        if (is_new) record.order_tasks.push_back(cut(one_line(*task), kLineColumns));
        order->task = number->second;
        record.orders.push_back(std::move(*order));
    }
    return {};
}

}  // namespace

std::optional<std::uint64_t> stack_of(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    std::uint64_t stack = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), stack, 16);
    if (text.empty() || error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return stack;
}

bool is_trial_directory(const fs::path& directory) {
    return std::ranges::any_of(kFiles, [&](const char* name) {
        std::error_code code;
        return fs::is_regular_file(fs::symlink_status(directory / name, code));
    });
}

Result<TrialRecord> read_trial_record(const fs::path& directory) {
    TrialRecord record;
    constexpr std::array readers = {read_timeline, read_locks, read_console, read_qmp, read_lock_graph};
    for (std::size_t i = 0; i < kFiles.size(); i++) {
        MEMRIG_TRY(const auto source, read_source(directory, kFiles[i]));
        if (source) MEMRIG_CHECK(readers[i](*source, record));
    }
    return record;
}

}  // namespace memrig
