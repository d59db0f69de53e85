// The part of CampaignStore that reads a whole campaign.
#include "base/text.h"
#include "campaign/store.h"

namespace memrig {

namespace {

// SQL that prints a datetime('now') column as ISO 8601.
std::string iso(const char* column) { return fmt::format("strftime('%Y-%m-%dT%H:%M:%SZ', {})", column); }

}  // namespace

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
    MEMRIG_CHECK(each(fmt::format("SELECT scenario, kernel, bench, arm, trials, skipped, {}, {} FROM cell ORDER BY id",
                                  schema_ >= 4 ? "not_set_up" : "NULL", schema_ >= 5 ? "first, identity" : "1, NULL"),
                      [&](const Statement& row) {
                          CellProgress one;
                          one.cell = {row.text(0), row.text(1), row.text(2), row.text(3),
                                      static_cast<unsigned>(row.integer(4))};
                          one.skipped = row.text(5);
                          one.not_set_up = row.text(6);
                          one.cell.first = static_cast<unsigned>(row.integer(7));
                          one.cell.known_identity = row.text(8);
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
            "(SELECT count(*) FROM attempt WHERE attempt.cell = trial.cell AND attempt.number = trial.number), {}, {} "
            "FROM trial ORDER BY cell, number",
            iso("finished"), schema_ >= 2 ? "setting" : "NULL", schema_ >= 6 ? "checks" : "NULL")));
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
        one.checks = rows.text(11);
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

Result<std::optional<ShardIdentity>> CampaignStore::read_shard() {
    if (schema_ < 5) return std::nullopt;
    MEMRIG_TRY(Statement row, database_.prepare("SELECT number, count, plan_hash, memrig FROM shard"));
    MEMRIG_TRY(const bool there, row.step());
    if (!there) return std::nullopt;
    return ShardIdentity{
        {static_cast<unsigned>(row.integer(0)), static_cast<unsigned>(row.integer(1))}, row.text(2), row.text(3)};
}

Result<CampaignRecord> CampaignStore::record() {
    CampaignRecord record;
    MEMRIG_CHECK(database_.transaction([&]() -> Status {
        MEMRIG_TRY(record.cells, read_progress());
        MEMRIG_TRY(record.results, read_results());
        MEMRIG_TRY(record.hosts, read_hosts());
        MEMRIG_TRY(record.shard, read_shard());
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
