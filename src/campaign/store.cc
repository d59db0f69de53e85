#include "campaign/store.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/text.h"

namespace memrig {

namespace {

constexpr const char* kFile = "campaign.sqlite";
constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS campaign (schema INTEGER, name TEXT, plan TEXT, seed INTEGER, started TEXT);
CREATE TABLE IF NOT EXISTS cell (id INTEGER PRIMARY KEY, scenario TEXT, kernel TEXT, bench TEXT, arm TEXT, trials INTEGER, skipped TEXT, not_set_up TEXT,
  first INTEGER NOT NULL DEFAULT 1, identity TEXT);
CREATE TABLE IF NOT EXISTS attempt (cell INTEGER REFERENCES cell, number INTEGER, attempt INTEGER, outcome TEXT, host TEXT,
  PRIMARY KEY (cell, number, attempt));
CREATE TABLE IF NOT EXISTS trial (cell INTEGER REFERENCES cell, number INTEGER, verdict TEXT, as_expected INTEGER, reason TEXT,
  findings TEXT, seconds REAL, directory TEXT, finished TEXT, setting INTEGER, checks TEXT, PRIMARY KEY (cell, number));
)";
constexpr const char* kSettings = R"(
CREATE TABLE IF NOT EXISTS setting (id INTEGER PRIMARY KEY, memrig TEXT, qemu TEXT, accelerator TEXT, release TEXT, sha256 TEXT, bench TEXT,
  mode TEXT, expected TEXT, UNIQUE (memrig, qemu, accelerator, release, sha256, bench, mode, expected));
)";
constexpr const char* kShard =
    "CREATE TABLE IF NOT EXISTS shard (number INTEGER, count INTEGER, plan_hash TEXT, memrig TEXT)";
constexpr const char* kLost = "lost: the coordinator ended";
constexpr const char* kWithHost = "lost with its host: ";
// 2 added settings and the campaign's start; 3 added hosts; 4 added cells that could not be set up; 5 added shards; 6
// added the checks that were made.
constexpr std::int64_t kSchemaVersion = 6;

std::int64_t id_of(std::size_t cell) { return static_cast<std::int64_t>(cell); }

}  // namespace

std::string CellProgress::left_out_text() const {
    if (!skipped.empty()) return "SKIP: " + one_line(skipped);
    return not_set_up.empty() ? "" : "NOT SET UP: " + one_line(not_set_up);
}

Result<CampaignStore> CampaignStore::open(const fs::path& directory, const Plan& plan,
                                          const std::optional<ShardIdentity>& shard) {
    MEMRIG_CHECK(make_directories(directory));
    MEMRIG_TRY(Database database, Database::open(directory / kFile));
    CampaignStore store(std::move(database));
    MEMRIG_CHECK(store.database_.transaction([&] { return store.make(plan, shard, directory / kFile); }));
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
    if (schema_ < 4) MEMRIG_CHECK(database_.execute("ALTER TABLE cell ADD COLUMN not_set_up TEXT"));
    if (schema_ < 5)
        MEMRIG_CHECK(
            database_.execute("ALTER TABLE cell ADD COLUMN first INTEGER NOT NULL DEFAULT 1; "
                              "ALTER TABLE cell ADD COLUMN identity TEXT"));
    if (schema_ < 6)
        MEMRIG_CHECK(database_.execute("ALTER TABLE trial ADD COLUMN checks TEXT; UPDATE campaign SET schema = 6"));
    schema_ = kSchemaVersion;
    return {};
}

Status CampaignStore::make(const Plan& plan, const std::optional<ShardIdentity>& shard, const fs::path& file) {
    MEMRIG_CHECK(database_.execute(kSchema));
    MEMRIG_CHECK(database_.execute(kSettings));
    MEMRIG_CHECK(database_.execute(kShard));
    MEMRIG_TRY(Statement known, database_.prepare("SELECT schema FROM campaign"));
    MEMRIG_TRY(const bool there, known.step());
    return there ? resume(plan, shard, file) : make_new(plan, shard);
}

Status CampaignStore::resume(const Plan& plan, const std::optional<ShardIdentity>& shard, const fs::path& file) {
    MEMRIG_CHECK(check_schema(file));
    MEMRIG_CHECK(migrate());
    MEMRIG_TRY(const auto stored, read_shard());
    MEMRIG_CHECK(check_same_shard(stored, shard));
    MEMRIG_CHECK(check_plan(plan));
    // The plan has the same cells, but the rest of its text may have changed.
    MEMRIG_TRY(Statement text, database_.prepare("UPDATE campaign SET plan = ?"));
    MEMRIG_CHECK(text.add(std::string_view(plan.text)).run());
    MEMRIG_CHECK(database_.execute("UPDATE cell SET not_set_up = NULL"));
    MEMRIG_TRY(Statement lost, database_.prepare("UPDATE attempt SET outcome = ? WHERE outcome IS NULL"));
    return lost.add(std::string_view(kLost)).run();
}

Status CampaignStore::make_new(const Plan& plan, const std::optional<ShardIdentity>& shard) {
    schema_ = kSchemaVersion;
    MEMRIG_TRY(Statement campaign, database_.prepare("INSERT INTO campaign VALUES (?, ?, ?, ?, datetime('now'))"));
    MEMRIG_CHECK(campaign.add(kSchemaVersion)
                     .add(std::string_view(plan.name))
                     .add(std::string_view(plan.text))
                     .add(static_cast<std::int64_t>(plan.seed))
                     .run());
    for (std::size_t i = 0; i < plan.cells.size(); i++) {
        const PlanCell& cell = plan.cells[i];
        MEMRIG_TRY(Statement insert, database_.prepare("INSERT INTO cell VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?)"));
        MEMRIG_CHECK(insert.add(id_of(i))
                         .add(std::string_view(cell.scenario))
                         .add(std::string_view(cell.kernel))
                         .add(std::string_view(cell.bench))
                         .add(std::string_view(cell.arm))
                         .add(std::int64_t{cell.trials})
                         .add(std::int64_t{cell.first})
                         .add(std::string_view(cell.identity()))
                         .run());
    }
    if (!shard) return {};
    MEMRIG_TRY(Statement own, database_.prepare("INSERT INTO shard VALUES (?, ?, ?, ?)"));
    return own.add(std::int64_t{shard->shard.number})
        .add(std::int64_t{shard->shard.count})
        .add(std::string_view(shard->plan_hash))
        .add(std::string_view(shard->memrig))
        .run();
}

Status CampaignStore::check_plan(const Plan& plan) {
    MEMRIG_TRY(Statement cells,
               database_.prepare("SELECT scenario, kernel, bench, arm, trials, first FROM cell ORDER BY id"));
    MEMRIG_TRY(Statement campaign, database_.prepare("SELECT seed FROM campaign"));
    MEMRIG_TRY(const bool there, campaign.step());
    bool same = there && campaign.integer(0) == static_cast<std::int64_t>(plan.seed);
    for (const PlanCell& cell : plan.cells) {
        MEMRIG_TRY(const bool more, cells.step());
        same = same && more &&
               PlanCell{cells.text(0), cells.text(1), cells.text(2), cells.text(3), 0}.key() == cell.key() &&
               cells.integer(4) == std::int64_t{cell.trials} && cells.integer(5) == std::int64_t{cell.first};
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
        return insert_result(result, "now");
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
    CellProgress progress;
    progress.not_set_up = why;
    return database_.transaction([&]() -> Status {
        MEMRIG_CHECK(end_attempt(trial, attempt, "not set up"));
        return leave_out(trial.cell, progress);
    });
}

Status CampaignStore::insert_result(const CampaignResult& result, const std::string& when) {
    MEMRIG_TRY(const std::int64_t setting, setting_id(result.setting));
    MEMRIG_TRY(Statement insert,
               database_.prepare("INSERT INTO trial VALUES (?, ?, ?, ?, ?, ?, ?, ?, datetime(?), ?, ?)"));
    return insert.add(id_of(result.trial.cell))
        .add(std::int64_t{result.trial.number})
        .add(std::string_view(result.verdict))
        .add(std::int64_t{result.as_expected})
        .add(std::string_view(result.reason))
        .add(std::string_view(result.findings))
        .add(result.seconds)
        .add(std::string_view(result.directory.generic_string()))
        .add(std::string_view(when))
        .add(setting)
        .add(std::string_view(result.checks))
        .run();
}

Status CampaignStore::insert_attempt(const StoredAttempt& attempt) {
    MEMRIG_TRY(Statement insert, database_.prepare("INSERT INTO attempt VALUES (?, ?, ?, ?, ?)"));
    return insert.add(id_of(attempt.trial.cell))
        .add(std::int64_t{attempt.trial.number})
        .add(std::int64_t{attempt.attempt})
        .add(std::string_view(attempt.outcome))
        .add(std::string_view(attempt.host))
        .run();
}

Status CampaignStore::import(const std::vector<StoredResult>& results, const std::vector<StoredAttempt>& attempts,
                             const std::string& started) {
    return database_.transaction([&]() -> Status {
        for (const StoredResult& result : results) MEMRIG_CHECK(insert_result(result, result.ended));
        for (const StoredAttempt& attempt : attempts) MEMRIG_CHECK(insert_attempt(attempt));
        MEMRIG_TRY(Statement update, database_.prepare("UPDATE campaign SET started = datetime(?)"));
        return update.add(std::string_view(started)).run();
    });
}

Status CampaignStore::leave_out(std::size_t cell, const CellProgress& progress) {
    if (!progress.skipped.empty()) return skip(cell, progress.skipped);
    MEMRIG_TRY(Statement update, database_.prepare("UPDATE cell SET not_set_up = ? WHERE id = ?"));
    return update.add(std::string_view(progress.not_set_up)).add(id_of(cell)).run();
}

Result<std::vector<StoredAttempt>> CampaignStore::attempts() {
    std::vector<StoredAttempt> all;
    MEMRIG_TRY(Statement rows,
               database_.prepare(fmt::format("SELECT cell, number, attempt, outcome, {} FROM attempt WHERE outcome IS "
                                             "NOT NULL ORDER BY cell, number, attempt",
                                             schema_ >= 3 ? "host" : "NULL")));
    for (;;) {
        MEMRIG_TRY(const bool more, rows.step());
        if (!more) return all;
        all.push_back({{static_cast<std::size_t>(rows.integer(0)), static_cast<unsigned>(rows.integer(1))},
                       static_cast<unsigned>(rows.integer(2)),
                       rows.text(3),
                       rows.text(4)});
    }
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

}  // namespace memrig
