// Wraps SQLite in RAII classes. A committed transaction is on the disk, even if the process dies right after it.
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

// One SQL statement: bind its parameters from left to right with add(), then step(). Not thread-safe. The database must
// outlive it.
class Statement {
public:
    Statement& add(std::int64_t value);
    Statement& add(double value);
    Statement& add(std::string_view value);
    // Moves to the next row. Returns false if there is none.
    // REQUIRES: each parameter is bound.
    Result<bool> step();
    // Makes one step(), whether or not it yields a row.
    Status run();

    // Values of the current row, by column from 0. If a damaged file holds another type, a number is 0 and a text "".
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

// One database file. Not thread-safe. Errors: Fault::host if the disk is full or the file cannot be written,
// Fault::user_input if the file is not a database.
class Database {
public:
    // Opens the file for writing, and creates it if it does not exist. Uses a write-ahead log; every commit is synced.
    static Result<Database> open(const std::filesystem::path& file);
    static Result<Database> open_to_read(const std::filesystem::path& file);
    // Puts the write-ahead log into the file, and ends its use: the file alone is then the whole database.
    // REQUIRES: no process has the database open.
    static Status fold(const std::filesystem::path& file);

    Result<Statement> prepare(std::string_view sql);
    // Runs several statements without parameters.
    Status execute(const std::string& sql);
    // Runs `work` in a transaction: commits if it succeeds, rolls back if it fails.
    template <class Work>
    Status transaction(Work&& work) {
        MEMRIG_CHECK(execute(reads_ ? "BEGIN" : "BEGIN IMMEDIATE"));
        if (Status done = work(); !done) {
            static_cast<void>(execute("ROLLBACK"));  // if this fails, SQLite rolls back when the file is opened next
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
