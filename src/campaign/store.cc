#include "campaign/store.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/text.h"

namespace memrig {

namespace {

constexpr const char* kFile = "campaign.sqlite";
constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS campaign (schema INTEGER, name TEXT, plan TEXT, seed INTEGER, started TEXT);
CREATE TABLE IF NOT EXISTS cell (id INTEGER PRIMARY KEY, scenario TEXT, kernel TEXT, bench TEXT, arm TEXT, trials INTEGER, skipped TEXT, not_set_up TEXT);
CREATE TABLE IF NOT EXISTS attempt (cell INTEGER REFERENCES cell, number INTEGER, attempt INTEGER, outcome TEXT, host TEXT,
  PRIMARY KEY (cell, number, attempt));
CREATE TABLE IF NOT EXISTS trial (cell INTEGER REFERENCES cell, number INTEGER, verdict TEXT, as_expected INTEGER, reason TEXT,
  findings TEXT, seconds REAL, directory TEXT, finished TEXT, setting INTEGER, PRIMARY KEY (cell, number));
)";
constexpr const char* kSettings = R"(
CREATE TABLE IF NOT EXISTS setting (id INTEGER PRIMARY KEY, memrig TEXT, qemu TEXT, accelerator TEXT, release TEXT, sha256 TEXT, bench TEXT,
  mode TEXT, expected TEXT, UNIQUE (memrig, qemu, accelerator, release, sha256, bench, mode, expected));
)";
constexpr const char* kLost = "lost: the coordinator ended";
constexpr const char* kWithHost = "lost with its host: ";
// 2 added settings and the campaign's start; 3 added hosts; 4 added cells that could not be set up.
constexpr std::int64_t kSchemaVersion = 4;

// SQL that prints a datetime('now') column as ISO 8601.
std::string iso(const char* column) { return fmt::format("strftime('%Y-%m-%dT%H:%M:%SZ', {})", column); }

std::int64_t id_of(std::size_t cell) { return static_cast<std::int64_t>(cell); }

}  // namespace

std::string CellProgress::left_out_text() const {
    if (!skipped.empty()) return "SKIP: " + one_line(skipped);
    return not_set_up.empty() ? "" : "NOT SET UP: " + one_line(not_set_up);
}

Result<CampaignStore> CampaignStore::open(const fs::path& directory, const Plan& plan) {
    MEMRIG_CHECK(make_directories(directory));
    MEMRIG_TRY(Database database, Database::open(directory / kFile));
    CampaignStore store(std::move(database));
    MEMRIG_CHECK(store.database_.transaction([&] { return store.make(plan, directory / kFile); }));
    return store;
}

Result<CampaignStore> CampaignStore::open_to_read(const fs::path& directory) {
    std::error_code code;
    if (!fs::exists(directory / kFile, code))
        return fail_with({Fault::user_input, "there is no campaign in " + directory.string(), {}},
                         "start one with memrig campaign run");
    MEMRIG_TRY(Database database, Database::open_to_read(directory / kFile));
    CampaignStore store(std::move(database));
    MEMRIG_CHECK(store.check_schema(directory / kFile));
    return store;
}

Status CampaignStore::check_schema(const fs::path& file) {
    MEMRIG_TRY(Statement known, database_.prepare("SELECT schema FROM campaign"));
    MEMRIG_TRY(const bool there, known.step());
    if (!there) return fail(Fault::user_input, "{} is damaged: it does not say which campaign it is", file.string());
    schema_ = known.integer(0);
    if (schema_ >= 1 && schema_ <= kSchemaVersion) return {};
    return fail(Fault::user_input, "{}: its schema is {}, and this memrig knows 1 to {}", file.string(), schema_,
                kSchemaVersion);
}

Status CampaignStore::migrate() {
    if (schema_ < 2)
        MEMRIG_CHECK(database_.execute(
            "ALTER TABLE campaign ADD COLUMN started TEXT; ALTER TABLE trial ADD COLUMN setting INTEGER"));
    if (schema_ < 3) MEMRIG_CHECK(database_.execute("ALTER TABLE attempt ADD COLUMN host TEXT"));
    if (schema_ < 4)
        MEMRIG_CHECK(database_.execute("ALTER TABLE cell ADD COLUMN not_set_up TEXT; UPDATE campaign SET schema = 4"));
    schema_ = kSchemaVersion;
    return {};
}

Status CampaignStore::make(const Plan& plan, const fs::path& file) {
    MEMRIG_CHECK(database_.execute(kSchema));
    MEMRIG_CHECK(database_.execute(kSettings));
    MEMRIG_TRY(Statement known, database_.prepare("SELECT schema FROM campaign"));
    MEMRIG_TRY(const bool there, known.step());
    if (there) {
        MEMRIG_CHECK(check_schema(file));
        MEMRIG_CHECK(check_plan(plan));
        MEMRIG_CHECK(migrate());
        // The plan has the same cells, but the rest of its text may have changed.
        MEMRIG_TRY(Statement text, database_.prepare("UPDATE campaign SET plan = ?"));
        MEMRIG_CHECK(text.add(std::string_view(plan.text)).run());
        MEMRIG_CHECK(database_.execute("UPDATE cell SET not_set_up = NULL"));
        MEMRIG_TRY(Statement lost, database_.prepare("UPDATE attempt SET outcome = ? WHERE outcome IS NULL"));
        return lost.add(std::string_view(kLost)).run();
    }
    schema_ = kSchemaVersion;
    MEMRIG_TRY(Statement campaign, database_.prepare("INSERT INTO campaign VALUES (?, ?, ?, ?, datetime('now'))"));
    MEMRIG_CHECK(campaign.add(kSchemaVersion)
                     .add(std::string_view(plan.name))
                     .add(std::string_view(plan.text))
                     .add(static_cast<std::int64_t>(plan.seed))
                     .run());
    for (std::size_t i = 0; i < plan.cells.size(); i++) {
        const PlanCell& cell = plan.cells[i];
        MEMRIG_TRY(Statement insert, database_.prepare("INSERT INTO cell VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)"));
        MEMRIG_CHECK(insert.add(id_of(i))
                         .add(std::string_view(cell.scenario))
                         .add(std::string_view(cell.kernel))
                         .add(std::string_view(cell.bench))
                         .add(std::string_view(cell.arm))
                         .add(std::int64_t{cell.trials})
                         .run());
    }
    return {};
}

Status CampaignStore::check_plan(const Plan& plan) {
    MEMRIG_TRY(Statement cells, database_.prepare("SELECT scenario, kernel, bench, arm, trials FROM cell ORDER BY id"));
    MEMRIG_TRY(Statement campaign, database_.prepare("SELECT seed FROM campaign"));
    MEMRIG_TRY(const bool there, campaign.step());
    bool same = there && campaign.integer(0) == static_cast<std::int64_t>(plan.seed);
    for (const PlanCell& cell : plan.cells) {
        MEMRIG_TRY(const bool more, cells.step());
        same = same && more &&
               PlanCell{cells.text(0), cells.text(1), cells.text(2), cells.text(3), 0}.key() == cell.key() &&
               cells.integer(4) == std::int64_t{cell.trials};
    }
    MEMRIG_TRY(const bool more, cells.step());
    if (same && !more) return {};
    return fail_with({Fault::user_input, "this directory's campaign has another plan", {}},
                     "give a new --out, or the plan that the campaign was started with");
}

Result<unsigned> CampaignStore::begin(const CampaignTrial& trial, const std::string& host) {
    MEMRIG_ASSERT(trial.number > 0, "trials are numbered from 1");
    unsigned attempt = 0;
    MEMRIG_CHECK(database_.transaction([&]() -> Status {
        MEMRIG_TRY(Statement last, database_.prepare("SELECT max(attempt) FROM attempt WHERE cell = ? AND number = ?"));
        MEMRIG_CHECK(last.add(id_of(trial.cell)).add(std::int64_t{trial.number}).run());
        attempt = static_cast<unsigned>(last.integer(0)) + 1;
        MEMRIG_TRY(Statement insert, database_.prepare("INSERT INTO attempt VALUES (?, ?, ?, NULL, ?)"));
        return insert.add(id_of(trial.cell))
            .add(std::int64_t{trial.number})
            .add(std::int64_t{attempt})
            .add(std::string_view(host))
            .run();
    }));
    return attempt;
}

Status CampaignStore::attempt_failed(const CampaignTrial& trial, unsigned attempt, const std::string& why) {
    return end_attempt(trial, attempt, "failed: " + why);
}

Status CampaignStore::attempt_lost(const CampaignTrial& trial, unsigned attempt, const std::string& why) {
    return end_attempt(trial, attempt, kWithHost + why);
}

Status CampaignStore::end_attempt(const CampaignTrial& trial, unsigned attempt, const std::string& outcome) {
    MEMRIG_ASSERT(trial.number > 0 && attempt > 0, "begin() has given the attempt its number");
    MEMRIG_TRY(Statement update,
               database_.prepare("UPDATE attempt SET outcome = ? WHERE cell = ? AND number = ? AND attempt = ?"));
    return update.add(std::string_view(outcome))
        .add(id_of(trial.cell))
        .add(std::int64_t{trial.number})
        .add(std::int64_t{attempt})
        .run();
}

Status CampaignStore::finish(const CampaignResult& result, unsigned attempt) {
    MEMRIG_ASSERT(result.trial.number > 0 && attempt > 0, "begin() has given the attempt its number");
    MEMRIG_ASSERT(!result.verdict.empty(), "a result has a verdict");
    return database_.transaction([&]() -> Status {
        MEMRIG_TRY(Statement update, database_.prepare("UPDATE attempt SET outcome = coalesce(outcome, 'done') "
                                                       "WHERE cell = ? AND number = ? AND attempt = ?"));
        MEMRIG_CHECK(update.add(id_of(result.trial.cell))
                         .add(std::int64_t{result.trial.number})
                         .add(std::int64_t{attempt})
                         .run());
        MEMRIG_TRY(const std::int64_t setting, setting_id(result.setting));
        MEMRIG_TRY(Statement insert,
                   database_.prepare("INSERT INTO trial VALUES (?, ?, ?, ?, ?, ?, ?, ?, datetime('now'), ?)"));
        return insert.add(id_of(result.trial.cell))
            .add(std::int64_t{result.trial.number})
            .add(std::string_view(result.verdict))
            .add(std::int64_t{result.as_expected})
            .add(std::string_view(result.reason))
            .add(std::string_view(result.findings))
            .add(result.seconds)
            .add(std::string_view(result.directory.generic_string()))
            .add(setting)
            .run();
    });
}

Result<std::int64_t> CampaignStore::setting_id(const Provenance& one) {
    const auto bind = [&](Statement& statement) {
        for (const std::string* text : {&one.memrig, &one.qemu, &one.accelerator, &one.release, &one.sha256, &one.bench,
                                        &one.mode, &one.expected})
            statement.add(std::string_view(*text));
    };
    MEMRIG_TRY(Statement insert,
               database_.prepare("INSERT OR IGNORE INTO setting VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)"));
    bind(insert);
    MEMRIG_CHECK(insert.run());
    MEMRIG_TRY(Statement find,
               database_.prepare("SELECT id FROM setting WHERE memrig = ? AND qemu = ? AND accelerator = ? AND "
                                 "release = ? AND sha256 = ? AND bench = ? AND mode = ? AND expected = ?"));
    bind(find);
    MEMRIG_CHECK(find.run());
    return find.integer(0);
}

Status CampaignStore::skip(std::size_t cell, const std::string& why) {
    MEMRIG_TRY(Statement update, database_.prepare("UPDATE cell SET skipped = ? WHERE id = ?"));
    return update.add(std::string_view(why)).add(id_of(cell)).run();
}

Status CampaignStore::set_aside(const CampaignTrial& trial, unsigned attempt, const std::string& why) {
    return database_.transaction([&]() -> Status {
        MEMRIG_CHECK(end_attempt(trial, attempt, "not set up"));
        MEMRIG_TRY(Statement update, database_.prepare("UPDATE cell SET not_set_up = ? WHERE id = ?"));
        return update.add(std::string_view(why)).add(id_of(trial.cell)).run();
    });
}

Result<std::vector<CampaignTrial>> CampaignStore::finished() {
    MEMRIG_TRY(Statement rows, database_.prepare("SELECT cell, number FROM trial ORDER BY cell, number"));
    std::vector<CampaignTrial> trials;
    for (;;) {
        MEMRIG_TRY(const bool more, rows.step());
        if (!more) return trials;
        trials.push_back({static_cast<std::size_t>(rows.integer(0)), static_cast<unsigned>(rows.integer(1))});
    }
}

Result<unsigned> CampaignStore::failures(const CampaignTrial& trial) {
    MEMRIG_TRY(Statement count, database_.prepare("SELECT count(*) FROM attempt WHERE cell = ? AND number = ? AND "
                                                  "outcome LIKE 'failed:%'"));
    MEMRIG_CHECK(count.add(id_of(trial.cell)).add(std::int64_t{trial.number}).run());
    return static_cast<unsigned>(count.integer(0));
}

Result<std::vector<CellProgress>> CampaignStore::progress() {
    std::vector<CellProgress> all;
    MEMRIG_CHECK(database_.transaction([&]() -> Status {
        MEMRIG_TRY(all, read_progress());
        return {};
    }));
    return all;
}

Result<std::vector<CellProgress>> CampaignStore::read_progress() {
    std::vector<CellProgress> all;
    const auto each = [&](const std::string& sql, auto&& take) -> Status {
        MEMRIG_TRY(Statement rows, database_.prepare(sql));
        for (;;) {
            MEMRIG_TRY(const bool more, rows.step());
            if (!more) return {};
            take(rows);
        }
    };
    const auto each_cell = [&](const char* sql, auto&& take) {
        return each(sql, [&](const Statement& row) {
            const auto cell = static_cast<std::size_t>(row.integer(0));
            if (cell < all.size()) take(all[cell], row);
        });
    };
    MEMRIG_CHECK(each(fmt::format("SELECT scenario, kernel, bench, arm, trials, skipped, {} FROM cell ORDER BY id",
                                  schema_ >= 4 ? "not_set_up" : "NULL"),
                      [&](const Statement& row) {
                          CellProgress one;
                          one.cell = {row.text(0), row.text(1), row.text(2), row.text(3),
                                      static_cast<unsigned>(row.integer(4))};
                          one.skipped = row.text(5);
                          one.not_set_up = row.text(6);
                          all.push_back(std::move(one));
                      }));
    MEMRIG_CHECK(each_cell("SELECT cell, verdict, count(*), sum(as_expected), sum(seconds) FROM trial GROUP BY 1, 2",
                           [](CellProgress& one, const Statement& row) {
                               const auto count = static_cast<unsigned>(row.integer(2));
                               one.verdicts[row.text(1)] = count;
                               one.done += count;
                               one.as_expected += static_cast<unsigned>(row.integer(3));
                               one.seconds += row.real(4);
                           }));
    MEMRIG_CHECK(
        each_cell("SELECT cell, count(*) FILTER (WHERE outcome IS NULL), count(*) FILTER (WHERE outcome <> 'done') "
                  "FROM attempt GROUP BY 1",
                  [](CellProgress& one, const Statement& row) {
                      one.running = static_cast<unsigned>(row.integer(1));
                      one.run_again = static_cast<unsigned>(row.integer(2));
                  }));
    return all;
}

Result<std::vector<StoredResult>> CampaignStore::read_results() {
    std::map<std::int64_t, Provenance> settings;
    if (schema_ >= 2) {
        MEMRIG_TRY(Statement rows,
                   database_.prepare(
                       "SELECT id, memrig, qemu, accelerator, release, sha256, bench, mode, expected FROM setting"));
        for (;;) {
            MEMRIG_TRY(const bool more, rows.step());
            if (!more) break;
            settings[rows.integer(0)] = {rows.text(1), rows.text(2), rows.text(3), rows.text(4),
                                         rows.text(5), rows.text(6), rows.text(7), rows.text(8)};
        }
    }
    MEMRIG_TRY(
        Statement rows,
        database_.prepare(fmt::format(
            "SELECT cell, number, verdict, as_expected, reason, findings, seconds, directory, {}, "
            "(SELECT count(*) FROM attempt WHERE attempt.cell = trial.cell AND attempt.number = trial.number), {} "
            "FROM trial ORDER BY cell, number",
            iso("finished"), schema_ >= 2 ? "setting" : "NULL")));
    std::vector<StoredResult> results;
    for (;;) {
        MEMRIG_TRY(const bool more, rows.step());
        if (!more) return results;
        StoredResult one;
        one.trial = {static_cast<std::size_t>(rows.integer(0)), static_cast<unsigned>(rows.integer(1))};
        one.verdict = rows.text(2);
        one.as_expected = rows.integer(3) != 0;
        one.reason = rows.text(4);
        one.findings = rows.text(5);
        one.seconds = rows.real(6);
        one.directory = rows.text(7);
        one.ended = rows.text(8);
        one.attempts = static_cast<unsigned>(rows.integer(9));
        if (const auto found = settings.find(rows.integer(10)); found != settings.end()) one.setting = found->second;
        results.push_back(std::move(one));
    }
}

Result<std::vector<HostProgress>> CampaignStore::read_hosts() {
    std::vector<HostProgress> hosts;
    if (schema_ < 3) return hosts;
    MEMRIG_TRY(Statement rows, database_.prepare("SELECT host, count(*) FILTER (WHERE outcome = 'done'), "
                                                 "count(*) FILTER (WHERE outcome IS NULL), "
                                                 "count(*) FILTER (WHERE outcome LIKE 'lost with its host:%') "
                                                 "FROM attempt WHERE host IS NOT NULL GROUP BY 1 ORDER BY 1"));
    for (;;) {
        MEMRIG_TRY(const bool more, rows.step());
        if (!more) return hosts;
        hosts.push_back({rows.text(0), static_cast<unsigned>(rows.integer(1)), static_cast<unsigned>(rows.integer(2)),
                         static_cast<unsigned>(rows.integer(3))});
    }
}

Result<CampaignRecord> CampaignStore::record() {
    CampaignRecord record;
    MEMRIG_CHECK(database_.transaction([&]() -> Status {
        MEMRIG_TRY(record.cells, read_progress());
        MEMRIG_TRY(record.results, read_results());
        MEMRIG_TRY(record.hosts, read_hosts());
        std::erase_if(record.results, [&](const StoredResult& one) { return one.trial.cell >= record.cells.size(); });
        MEMRIG_TRY(Statement row, database_.prepare(fmt::format("SELECT name, plan, seed, {} FROM campaign",
                                                                schema_ >= 2 ? iso("started") : "NULL")));
        MEMRIG_CHECK(row.run());
        record.name = row.text(0);
        record.plan = row.text(1);
        record.seed = static_cast<std::uint64_t>(row.integer(2));
        record.started = row.text(3);
        return {};
    }));
    for (const auto& one : record.results) {
        if (record.ended < one.ended) record.ended = one.ended;
        if (schema_ < 2 && (record.started.empty() || one.ended < record.started)) record.started = one.ended;
    }
    return record;
}

Result<std::string> CampaignStore::name() {
    MEMRIG_TRY(Statement row, database_.prepare("SELECT name FROM campaign"));
    MEMRIG_CHECK(row.run());
    return row.text(0);
}

}  // namespace memrig
