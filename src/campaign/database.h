// SQLite, by RAII: what is committed is on the disk, whatever ends us in the next moment.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace memrig {

// One SQL statement, bound from left to right and stepped through. Not thread-safe. The database outlives it.
class Statement {
public:
    Statement& add(std::int64_t value);
    Statement& add(double value);
    Statement& add(std::string_view value);
    // The next row, if there is one.
    Result<bool> step();
    // For a statement without rows.
    Status run();

    // Of the row, by column from 0. What a damaged file holds in a number's place is 0, in a text's place "".
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] double real(int column) const;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] bool null(int column) const;

private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
    // REQUIRES: the statement has that column.
    void check(int column) const;
    sqlite3* database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    int bound_ = 0;
    int failed_ = 0;  // the first binding that did not work
};

// Fault::host for a disk that is full or a file that cannot be written, Fault::user_input for one that is no database of ours.
class Database {
public:
    // For writing: made if need be, write-ahead log, every commit synced.
    static Result<Database> open(const std::filesystem::path& file);
    static Result<Database> open_to_read(const std::filesystem::path& file);

    Result<Statement> prepare(std::string_view sql);
    // Several statements without values.
    Status execute(const std::string& sql);
    // All that `work` does, or nothing of it.
    template <class Work>
    Status transaction(Work&& work) {
        MEMRIG_CHECK(execute(reads_ ? "BEGIN" : "BEGIN IMMEDIATE"));
        if (Status done = work(); !done) {
            static_cast<void>(execute("ROLLBACK"));  // where even that fails, the next one to open the file does it
            return done;
        }
        return execute("COMMIT");
    }

private:
    struct Close {
        void operator()(sqlite3* database) const;
    };
    static Result<Database> open(const std::filesystem::path& file, int flags);
    explicit Database(sqlite3* database, bool reads) : database_(database), reads_(reads) {}
    std::unique_ptr<sqlite3, Close> database_;
    bool reads_;
};

}  // namespace memrig
