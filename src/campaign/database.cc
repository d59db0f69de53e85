#include "campaign/database.h"

#include <sqlite3.h>

#include "base/assert.h"

namespace memrig {

namespace {

constexpr int kPatienceMs = 60'000;  // the longest wait for another process's transaction

std::unexpected<Error> fail_sqlite(sqlite3* database, const char* what) {
    const int code = database == nullptr ? SQLITE_NOMEM : sqlite3_errcode(database);
    const bool no_database = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
    const char* file = database == nullptr ? nullptr : sqlite3_db_filename(database, "main");
    return fail(no_database ? Fault::user_input : Fault::host, "{}: cannot {}: {}",
                file == nullptr ? "the campaign's database" : file, what,
                database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database));
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { sqlite3_close(database); }

Statement& Statement::add(std::int64_t value) {
    if (const int code = sqlite3_bind_int64(statement_.get(), ++bound_, value); failed_ == 0) failed_ = code;
    return *this;
}

Statement& Statement::add(double value) {
    if (const int code = sqlite3_bind_double(statement_.get(), ++bound_, value); failed_ == 0) failed_ = code;
    return *this;
}

Statement& Statement::add(std::string_view value) {
    const int code =
        sqlite3_bind_text64(statement_.get(), ++bound_, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    if (failed_ == 0) failed_ = code;
    return *this;
}

Result<bool> Statement::step() {
    MEMRIG_ASSERT(bound_ == sqlite3_bind_parameter_count(statement_.get()), "each parameter is bound");
    if (failed_ != 0) return fail(Fault::rig, "a value cannot be bound: {}", sqlite3_errstr(failed_));
    switch (sqlite3_step(statement_.get())) {
        case SQLITE_ROW: return true;
        case SQLITE_DONE: return false;
        default: return fail_sqlite(database_, "read or write it");
    }
}

Status Statement::run() {
    MEMRIG_TRY([[maybe_unused]] const bool row, step());
    return {};
}

void Statement::check(int column) const {
    MEMRIG_ASSERT(column >= 0 && column < sqlite3_column_count(statement_.get()), "the row has that column");
}

std::int64_t Statement::integer(int column) const {
    check(column);
    return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const {
    check(column);
    return sqlite3_column_double(statement_.get(), column);
}

bool Statement::null(int column) const {
    check(column);
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::string Statement::text(int column) const {
    check(column);
    const auto* text = sqlite3_column_text(statement_.get(), column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    return text == nullptr ? "" : std::string(reinterpret_cast<const char*>(text), size);
}

Result<Database> Database::open(const std::filesystem::path& file, int flags) {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(file.c_str(), &raw, flags, nullptr);
    Database database(raw, flags == SQLITE_OPEN_READONLY);  // closes `raw`, also if the open failed
    if (code != SQLITE_OK) return fail_sqlite(raw, "open it");
    sqlite3_busy_timeout(raw, kPatienceMs);
    return database;
}

Result<Database> Database::open(const std::filesystem::path& file) {
    MEMRIG_TRY(Database database, open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
    MEMRIG_CHECK(database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"));
    return database;
}

Result<Database> Database::open_to_read(const std::filesystem::path& file) { return open(file, SQLITE_OPEN_READONLY); }

Status Database::fold(const std::filesystem::path& file) {
    MEMRIG_TRY(Database database, open(file, SQLITE_OPEN_READWRITE));
    MEMRIG_TRY(Statement mode, database.prepare("PRAGMA journal_mode = DELETE"));
    MEMRIG_CHECK(mode.run());
    if (mode.text(0) == "delete") return {};
    return fail(Fault::host, "{}: its write-ahead log cannot be ended, as another process has it open", file.string());
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr) != SQLITE_OK)
        return fail_sqlite(database_.get(), "use it");
    return Statement(database_.get(), statement);
}

Status Database::execute(const std::string& sql) {
    if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
        return fail_sqlite(database_.get(), "use it");
    return {};
}

}  // namespace memrig
