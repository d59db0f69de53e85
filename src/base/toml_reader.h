// Reads memrig's TOML files (benches, kernels, scenarios, plans) strictly.
// An unknown key is a mistake. Each mistake is reported with file, line and column; reading goes on to the next one.
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
    unsigned line = 0, column = 0;  // from 1; 0 if the mistake concerns the whole file
    std::string message;
    [[nodiscard]] std::string text() const;  // "file:line:column: message"
};

class TomlTable;

// A parsed file and the mistakes found in it so far. Not thread-safe; outlives its tables.
class TomlDocument {
public:
    // A syntax error becomes a diagnostic too. `shown_name`: the file's name in diagnostics.
    static TomlDocument parse(std::string_view text, std::string shown_name);
    // Fails with Fault::user_input if the file cannot be read.
    static Result<TomlDocument> load(const std::string& path);
    TomlDocument(TomlDocument&&) noexcept;
    ~TomlDocument();

    // Adds what `base` says and this document does not, except for the top-level keys of `own`. Merges tables key by
    // key. Any other value of this document, also an array, stays as it is. A diagnostic names the file that its value
    // comes from. Call it before the readers of a table.
    void inherit(TomlDocument base, const std::vector<std::string_view>& own);

    TomlTable root();
    [[nodiscard]] const std::vector<Diagnostic>& diagnostics() const;
    // The first diagnostic as an error (Fault::user_input), if there is one.
    [[nodiscard]] Status status() const;

private:
    friend class TomlTable;
    struct State;
    explicit TomlDocument(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// One table of a document. Each function that reads a key marks it as known; finish() reports the other keys.
class TomlTable {
public:
    [[nodiscard]] bool has(std::string_view key) const;
    // Each of these reports a value of the wrong type, and a missing key if there is no `fallback`.
    std::string string(std::string_view key, std::optional<std::string> fallback = {});
    std::int64_t integer(std::string_view key, std::int64_t least, std::int64_t most,
                         std::optional<std::int64_t> fallback = {});
    bool boolean(std::string_view key, std::optional<bool> fallback = {});
    // A size in bytes, written "1G" or "128M": K, M, G and T stand for powers of 1024.
    std::uint64_t size(std::string_view key, std::optional<std::uint64_t> fallback = {});
    // One string or an array of strings.
    std::vector<std::string> strings(std::string_view key, bool required);
    // The index of the value in `choices`. Reports any other value, with the list of choices.
    std::size_t choice(std::string_view key, const std::vector<std::string_view>& choices,
                       std::optional<std::size_t> fallback = {});
    std::optional<TomlTable> table(std::string_view key, bool required);
    // [[key]]
    std::vector<TomlTable> tables(std::string_view key, bool required);
    // All sub-tables of this table with their keys, in the order of the file.
    std::vector<std::pair<std::string, TomlTable>> named_tables();

    // Reports a mistake at `key`, or at the table itself if it has no such key.
    void report(std::string_view key, std::string message);
    void finish();

private:
    friend class TomlDocument;
    TomlTable(TomlDocument::State* state, const void* table) : state_(state), table_(table) {}
    TomlDocument::State* state_;
    const void* table_;  // toml::table, kept out of this header
    std::vector<std::string> known_;
};

// "1G" in bytes; nothing if `text` is not a size.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace memrig
