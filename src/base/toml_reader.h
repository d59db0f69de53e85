// TOML files of ours (benches, kernels, scenarios, plans), read strictly: every mistake is reported with file, line and
// column, an unknown key is a mistake, and reading goes on to find the next one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace memrig {

struct Diagnostic {
    std::string file;
    unsigned line = 0, column = 0;  // from 1; 0 where the mistake is the file's as a whole
    std::string message;
    [[nodiscard]] std::string text() const;  // "file:line:column: message"
};

class TomlTable;

// A parsed file and the mistakes found in it so far. Not thread-safe; outlives its tables.
class TomlDocument {
public:
    // A syntax error, too, becomes a diagnostic. `shown_name` is what diagnostics call the file.
    static TomlDocument parse(std::string_view text, std::string shown_name);
    // Fault::user_input where the file cannot be read.
    static Result<TomlDocument> load(const std::string& path);
    TomlDocument(TomlDocument&&) noexcept;
    ~TomlDocument();

    TomlTable root();
    [[nodiscard]] const std::vector<Diagnostic>& diagnostics() const;
    // The first diagnostic as an error of the user's input, if there is one.
    [[nodiscard]] Status status() const;

private:
    friend class TomlTable;
    struct State;
    explicit TomlDocument(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// One table of a document. Each reader marks its key as known; finish() then reports the unknown ones.
class TomlTable {
public:
    [[nodiscard]] bool has(std::string_view key) const;
    // Each of these reports a wrong type, and a missing key where there is no default.
    std::string string(std::string_view key, std::optional<std::string> fallback = {});
    std::int64_t integer(std::string_view key, std::int64_t least, std::int64_t most,
                         std::optional<std::int64_t> fallback = {});
    bool boolean(std::string_view key, std::optional<bool> fallback = {});
    // "1G", "128M": bytes, with K, M, G or T for powers of 1024.
    std::uint64_t size(std::string_view key, std::optional<std::uint64_t> fallback = {});
    // One string or an array of strings.
    std::vector<std::string> strings(std::string_view key, bool required);
    // One of `choices`, else a report that lists them; returns its index.
    std::size_t choice(std::string_view key, const std::vector<std::string_view>& choices,
                       std::optional<std::size_t> fallback = {});
    std::optional<TomlTable> table(std::string_view key, bool required);
    // [[key]]
    std::vector<TomlTable> tables(std::string_view key, bool required);
    // The sub-tables of this table, in the file's order, with their keys.
    std::vector<std::pair<std::string, TomlTable>> named_tables();

    // Reports a mistake at `key` (at the table itself, where the key is not there).
    void report(std::string_view key, std::string message);
    void finish();

private:
    friend class TomlDocument;
    TomlTable(TomlDocument::State* state, const void* table) : state_(state), table_(table) {}
    TomlDocument::State* state_;
    const void* table_;  // toml::table, kept out of this header
    std::vector<std::string> known_;
};

// "1G" as bytes; nothing where it is no size.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace memrig
