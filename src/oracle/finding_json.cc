#include "oracle/finding_json.h"

#include <array>
#include <type_traits>
#include <utility>

namespace memrig {

namespace {

template <class Maybe, class Type>
concept Of = std::is_same_v<std::remove_const_t<Maybe>, Type>;

// each_field() lists the fields of a type by their names in JSON, once for both writing and reading.
void each_field(Of<WaitKey> auto& key, auto&& field) {
    field("task", key.task);
    field("holds", key.holds);
    field("taken_in", key.taken_in);
    field("waits_for", key.waits_for);
    field("wanted_in", key.wanted_in);
}
void each_field(Of<CycleKey> auto& key, auto&& field) { field("waits", key.waits); }
void each_field(Of<HangKey> auto& key, auto&& field) { field("paths", key.paths); }
void each_field(Of<RuleKey> auto& key, auto&& field) {
    field("rule", key.rule);
    field("task", key.task);
    field("function", key.function);
    field("breach", key.breach);
    field("path", key.path);
}
void each_field(Of<OrderedLocks> auto& key, auto&& field) {
    field("task", key.task);
    field("first", key.first);
    field("then", key.then);
}
void each_field(Of<InversionKey> auto& key, auto&& field) {
    field("orders", key.orders);
    field("gates", key.gates);
}
void each_field(Of<ClaimKey> auto& key, auto&& field) {
    field("task", key.task);
    field("lock", key.lock);
    field("before", key.before);
    field("path", key.path);
}
void each_field(Of<CrashKey> auto& key, auto&& field) {
    field("task", key.task);
    field("function", key.function);
    field("headline", key.headline);
    field("path", key.path);
}
void each_field(Of<ReportKey> auto& key, auto&& field) {
    field("headline", key.headline);
    field("gate", key.gate);
    field("path", key.path);
}
void each_field(Of<SentenceKey> auto& key, auto&& field) {
    field("sentence", key.sentence);
    field("path", key.path);
}
void each_field(Of<LoopKey> auto& key, auto&& field) {
    field("task", key.task);
    field("function", key.function);
    field("calls", key.calls);
    field("holds", key.holds);
    field("path", key.path);
}
void each_field(Of<Finding> auto& finding, auto&& field) {
    field("oracle", finding.oracle);
    field("summary", finding.summary);
    field("details", finding.details);
}

// The names of the key kinds in JSON, in the order of FindingKey's types.
constexpr std::array<const char*, std::variant_size_v<FindingKey>> kKinds = {
    "", "cycle", "hang", "rule", "inversion", "claim", "crash", "report", "sentence", "loop"};

nlohmann::ordered_json written(const std::string& text) { return text; }
template <class Type>
nlohmann::ordered_json written(const std::vector<Type>& list);
template <class Type>
nlohmann::ordered_json written(const Type& fields) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    each_field(fields, [&](const char* name, const auto& value) { json[name] = written(value); });
    return json;
}
template <class Type>
nlohmann::ordered_json written(const std::vector<Type>& list) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const Type& one : list) json.push_back(written(one));
    return json;
}

// Each read_into() reads the values that fit, and returns whether all of them did.
bool read_into(std::string& text, const nlohmann::json& json) {
    if (json.is_string()) text = json.get<std::string>();
    return json.is_string();
}
template <class Type>
bool read_into(std::vector<Type>& list, const nlohmann::json& json);
template <class Type>
bool read_into(Type& fields, const nlohmann::json& json) {
    bool fits = json.is_object();
    if (!fits) return false;
    each_field(fields, [&](const char* name, auto& value) {
        const auto found = json.find(name);
        fits = found != json.end() && read_into(value, *found) && fits;
    });
    return fits;
}
template <class Type>
bool read_into(std::vector<Type>& list, const nlohmann::json& json) {
    if (!json.is_array()) return false;
    bool fits = true;
    for (const auto& element : json) {
        Type one;
        if (read_into(one, element)) list.push_back(std::move(one));
        else fits = false;
    }
    return fits;
}

template <std::size_t kind>
bool read_key_of(FindingKey& key, const nlohmann::json& json, const std::string& name) {
    if (name != kKinds.at(kind)) return false;
    std::variant_alternative_t<kind, FindingKey> read;
    if (!read_into(read, json)) return false;
    key = std::move(read);
    return true;
}

bool read_key(FindingKey& key, const nlohmann::json& json) {
    std::string kind;
    const auto found = json.is_object() ? json.find("kind") : json.end();
    if (found == json.end() || !read_into(kind, *found)) return false;
    return [&]<std::size_t... kinds>(std::index_sequence<kinds...>) {
        return (read_key_of<kinds + 1>(key, json, kind) || ...);
    }(std::make_index_sequence<kKinds.size() - 1>());
}

}  // namespace

nlohmann::ordered_json finding_json(const Finding& finding) {
    nlohmann::ordered_json json = {{"oracle", finding.oracle},
                                   {"verdict", to_string(finding.verdict)},
                                   {"summary", finding.summary},
                                   {"details", finding.details}};
    std::visit(
        [&]<class Key>(const Key& key) {
            if constexpr (!std::is_same_v<Key, std::monostate>) {
                json["key"] = {{"kind", kKinds.at(finding.key.index())}};
                json["key"].update(written(key));
            }
        },
        finding.key);
    return json;
}

Result<Finding> read_finding(const nlohmann::json& json, Reading reading) {
    std::string verdict;
    const auto named = json.is_object() ? json.find("verdict") : json.end();
    if (named == json.end() || !read_into(verdict, *named)) return fail(Fault::user_input, "a finding has no verdict");
    const auto known = parse_verdict(verdict);
    if (!known) return fail(Fault::user_input, "there is no verdict \"{}\"", verdict);
    Finding finding;
    finding.verdict = *known;
    bool fits = read_into(finding, json);
    if (const auto key = json.find("key"); key != json.end()) fits = read_key(finding.key, *key) && fits;
    if (!fits && reading == Reading::strict)
        return fail(Fault::user_input, "a finding of {} has a field that is missing or of the wrong type", verdict);
    return finding;
}

}  // namespace memrig
