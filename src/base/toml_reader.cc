#include "base/toml_reader.h"

#include <algorithm>
#include <charconv>

#include <toml++/toml.h>

#include "base/file.h"

namespace memrig {

struct TomlDocument::State {
    std::string file;
    toml::table table;
    std::vector<Diagnostic> diagnostics;

    void report(const toml::source_region& where, std::string message) {
        diagnostics.push_back(
            {where.path ? *where.path : file, where.begin.line, where.begin.column, std::move(message)});
    }
};

namespace {

const toml::table& as_table(const void* table) { return *static_cast<const toml::table*>(table); }

std::string type_name(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table: return "a table";
        case toml::node_type::array: return "an array";
        case toml::node_type::string: return "a string";
        case toml::node_type::integer: return "an integer";
        case toml::node_type::floating_point: return "a number with a fraction";
        case toml::node_type::boolean: return "a boolean";
        default: return "a date or time";
    }
}

std::string listed(const std::vector<std::string_view>& choices) {
    std::string text;
    for (const auto choice : choices) text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", choice);
    return text;
}

// Moves what only `from` has: a node that is moved keeps its place in its file, and one that is copied does not.
void merge(toml::table& into, toml::table& from) {
    for (auto&& [key, node] : from) {
        toml::node* own = into.get(key.str());
        if (own == nullptr) node.visit([&](auto& value) { into.insert(key, std::move(value)); });
        else if (own->is_table() && node.is_table()) merge(*own->as_table(), *node.as_table());
    }
}

}  // namespace

std::string Diagnostic::text() const {
    return line == 0 ? fmt::format("{}: {}", file, message) : fmt::format("{}:{}:{}: {}", file, line, column, message);
}

TomlDocument::TomlDocument(std::unique_ptr<State> state) : state_(std::move(state)) {}
TomlDocument::TomlDocument(TomlDocument&&) noexcept = default;
TomlDocument::~TomlDocument() = default;

TomlDocument TomlDocument::parse(std::string_view text, std::string shown_name) {
    auto state = std::make_unique<State>();
    state->file = std::move(shown_name);
    try {
        state->table = toml::parse(text, std::string_view(state->file));
    } catch (const toml::parse_error& error) {
        state->report(error.source(), std::string(error.description()));
    }
    return TomlDocument(std::move(state));
}

Result<TomlDocument> TomlDocument::load(const std::string& path) {
    auto text = read_file(path, 1 << 20);
    if (!text) {
        text.error().fault = Fault::user_input;
        return std::unexpected(text.error());
    }
    return parse(*text, path);
}

void TomlDocument::inherit(TomlDocument base, const std::vector<std::string_view>& own) {
    for (const auto key : own) base.state_->table.erase(key);
    merge(state_->table, base.state_->table);
    std::ranges::move(base.state_->diagnostics, std::back_inserter(state_->diagnostics));
}

TomlTable TomlDocument::root() { return TomlTable(state_.get(), &state_->table); }
const std::vector<Diagnostic>& TomlDocument::diagnostics() const { return state_->diagnostics; }

Status TomlDocument::status() const {
    if (state_->diagnostics.empty()) return {};
    return std::unexpected(Error{Fault::user_input, state_->diagnostics.front().text(), {}});
}

bool TomlTable::has(std::string_view key) const { return as_table(table_).contains(key); }

void TomlTable::report(std::string_view key, std::string message) {
    const toml::node* node = as_table(table_).get(key);
    state_->report(node != nullptr ? node->source() : as_table(table_).source(), std::move(message));
}

namespace {
// Marks `key` as known and returns its node. Reports the key as missing if it is required.
const toml::node* take(TomlTable& self, const void* table, std::vector<std::string>& known, std::string_view key,
                       bool required) {
    known.emplace_back(key);
    const toml::node* node = as_table(table).get(key);
    if (node == nullptr && required) self.report(key, fmt::format("\"{}\" is missing", key));
    return node;
}
}  // namespace

std::string TomlTable::string(std::string_view key, std::optional<std::string> fallback) {
    const toml::node* node = take(*this, table_, known_, key, !fallback);
    if (node == nullptr) return fallback.value_or("");
    if (const auto value = node->value_exact<std::string>()) return *value;
    report(key, fmt::format("\"{}\" has to be a string, and is {}", key, type_name(*node)));
    return fallback.value_or("");
}

std::int64_t TomlTable::integer(std::string_view key, std::int64_t least, std::int64_t most,
                                std::optional<std::int64_t> fallback) {
    const toml::node* node = take(*this, table_, known_, key, !fallback);
    if (node == nullptr) return fallback.value_or(least);
    const auto value = node->value_exact<std::int64_t>();
    if (!value) {
        report(key, fmt::format("\"{}\" has to be an integer, and is {}", key, type_name(*node)));
    } else if (*value < least || *value > most) {
        report(key, fmt::format("\"{}\" is {}, and has to be from {} to {}", key, *value, least, most));
    } else {
        return *value;
    }
    return fallback.value_or(least);
}

bool TomlTable::boolean(std::string_view key, std::optional<bool> fallback) {
    const toml::node* node = take(*this, table_, known_, key, !fallback);
    if (node == nullptr) return fallback.value_or(false);
    if (const auto value = node->value_exact<bool>()) return *value;
    report(key, fmt::format("\"{}\" has to be true or false, and is {}", key, type_name(*node)));
    return fallback.value_or(false);
}

std::uint64_t TomlTable::size(std::string_view key, std::optional<std::uint64_t> fallback) {
    const toml::node* node = take(*this, table_, known_, key, !fallback);
    if (node == nullptr) return fallback.value_or(0);
    const auto text = node->value_exact<std::string>();
    const auto bytes = text ? parse_size(*text) : std::nullopt;
    if (bytes) return *bytes;
    report(key, fmt::format("\"{}\" has to be a size such as \"128M\" or \"1G\"", key));
    return fallback.value_or(0);
}

std::vector<std::string> TomlTable::strings(std::string_view key, bool required) {
    const toml::node* node = take(*this, table_, known_, key, required);
    std::vector<std::string> list;
    if (node == nullptr) return list;
    if (const auto one = node->value_exact<std::string>()) return {*one};
    const toml::array* array = node->as_array();
    if (array == nullptr) {
        report(key, fmt::format("\"{}\" has to be a string or an array of strings, and is {}", key, type_name(*node)));
        return list;
    }
    for (const auto& element : *array) {
        if (const auto value = element.value_exact<std::string>()) list.push_back(*value);
        else
            state_->report(element.source(),
                           fmt::format("\"{}\" holds {}, and has to hold strings", key, type_name(element)));
    }
    if (list.empty() && required) report(key, fmt::format("\"{}\" is empty", key));
    return list;
}

std::size_t TomlTable::choice(std::string_view key, const std::vector<std::string_view>& choices,
                              std::optional<std::size_t> fallback) {
    if (!has(key) && fallback) {
        known_.emplace_back(key);
        return *fallback;
    }
    const std::size_t before = state_->diagnostics.size();
    const std::string value = string(key);
    const auto found = std::ranges::find(choices, value);
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
    if (state_->diagnostics.size() == before)
        report(key, fmt::format("\"{}\" is \"{}\", and has to be one of {}", key, value, listed(choices)));
    return fallback.value_or(0);
}

std::optional<TomlTable> TomlTable::table(std::string_view key, bool required) {
    const toml::node* node = take(*this, table_, known_, key, required);
    if (node == nullptr) return std::nullopt;
    if (const toml::table* table = node->as_table()) return TomlTable(state_, table);
    report(key, fmt::format("\"{}\" has to be a table, and is {}", key, type_name(*node)));
    return std::nullopt;
}

std::vector<TomlTable> TomlTable::tables(std::string_view key, bool required) {
    const toml::node* node = take(*this, table_, known_, key, required);
    std::vector<TomlTable> list;
    if (node == nullptr) return list;
    const toml::array* array = node->as_array();
    if (array == nullptr || !array->is_array_of_tables()) {
        report(key, fmt::format("\"{}\" has to be an array of tables, [[{}]]", key, key));
        return list;
    }
    for (const auto& element : *array) list.push_back(TomlTable(state_, element.as_table()));
    return list;
}

std::vector<std::pair<std::string, TomlTable>> TomlTable::named_tables() {
    std::vector<std::pair<std::string, TomlTable>> list;
    for (const auto& [key, node] : as_table(table_)) {
        known_.emplace_back(key.str());
        if (const toml::table* table = node.as_table())
            list.emplace_back(std::string(key.str()), TomlTable(state_, table));
        else
            state_->report(node.source(),
                           fmt::format("\"{}\" has to be a table, and is {}", key.str(), type_name(node)));
    }
    // toml++ sorts tables by key; the author's order is the file's.
    std::ranges::stable_sort(list, {},
                             [](const auto& entry) { return as_table(entry.second.table_).source().begin.line; });
    return list;
}

void TomlTable::finish() {
    for (const auto& [key, node] : as_table(table_)) {
        if (std::ranges::find(known_, key.str()) != known_.end()) continue;
        state_->report(key.source(), fmt::format("unknown key \"{}\"", key.str()));
    }
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end == text.data()) return std::nullopt;
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    constexpr std::string_view units = "KMGT";
    if (unit.empty()) return value;
    const std::size_t power = units.find(unit[0]);
    if (unit.size() != 1 || power == std::string_view::npos) return std::nullopt;
    const unsigned shift = 10 * (static_cast<unsigned>(power) + 1);
    if (value > (~0ull >> shift)) return std::nullopt;
    return value << shift;
}

}  // namespace memrig
