// Writes JUnit's XML as Jenkins reads it: a suite for each arm on a kernel and bench, a case for each of its trials.
#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "base/text.h"
#include "report/campaign_reports.h"

namespace memrig {

namespace {

// Makes one line of valid XML 1.0 text: one_line() removes control characters, and this removes two noncharacters of
// Unicode that XML forbids.
std::string xml_line(std::string_view text) {
    std::string line = one_line(text);
    for (const std::string_view none : {"\xef\xbf\xbe", "\xef\xbf\xbf"})
        for (auto at = line.find(none); at != line.npos; at = line.find(none, at)) line.replace(at, none.size(), "?");
    return line;
}

void set(pugi::xml_node node, const char* name, std::string_view value) {
    node.append_attribute(name).set_value(xml_line(value).c_str());
}

void set(pugi::xml_node node, const char* name, std::uint64_t value) {
    node.append_attribute(name).set_value(fmt::format("{}", value).c_str());
}

void set_time(pugi::xml_node node, double seconds) {
    node.append_attribute("time").set_value(fmt::format("{:.3f}", seconds).c_str());
}

std::string text_of(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += xml_line(line) + "\n";
    return text;
}

// Replaces dots, because Jenkins takes the part of a class name before its last dot for the package.
std::string without_dots(std::string_view text) {
    std::string name(text);
    std::ranges::replace(name, '.', '_');
    return name;
}

struct Sum {
    std::uint64_t tests = 0, failures = 0, errors = 0, skipped = 0;
    double seconds = 0;

    void write(pugi::xml_node node, bool with_skipped) const {
        set(node, "tests", tests);
        set(node, "failures", failures);
        set(node, "errors", errors);
        if (with_skipped) set(node, "skipped", skipped);
        set_time(node, seconds);
    }
    void add(const Sum& other) {
        tests += other.tests;
        failures += other.failures;
        errors += other.errors;
        skipped += other.skipped;
        seconds += other.seconds;
    }
};

pugi::xml_node add_case(pugi::xml_node suite, const PlanCell& cell, const std::string& name) {
    pugi::xml_node node = suite.append_child("testcase");
    set(node, "classname", without_dots(cell.kernel) + "." + without_dots(cell.scenario));
    set(node, "name", name);
    return node;
}

void add_trial(pugi::xml_node suite, const CampaignReport& report, std::size_t index, Sum& sum) {
    const StoredResult& result = report.record.results[index];
    const PlanCell& cell = report.record.cells[result.trial.cell].cell;
    pugi::xml_node node = add_case(
        suite, cell,
        fmt::format("{}{}{} trial {}", cell.arm, cell.bench.empty() ? "" : " on ", cell.bench, result.trial.number));
    set_time(node, result.seconds);
    sum.tests++;
    sum.seconds += result.seconds;
    const Outcome outcome = outcome_of(report, index);
    if (outcome == Outcome::passed) return;
    if (outcome == Outcome::known) {
        sum.skipped++;
        set(node.append_child("skipped"), "message", known_text(report, result));
    } else {
        const bool failed = outcome == Outcome::failed;
        (failed ? sum.failures : sum.errors)++;
        pugi::xml_node bad = node.append_child(failed ? "failure" : "error");
        set(bad, "type", result.verdict);
        set(bad, "message", result.reason);
    }
    node.append_child("system-out").text().set(text_of(explanation(report, result)).c_str());
}

}  // namespace

std::string campaign_junit(const CampaignReport& report) {
    pugi::xml_document document;
    pugi::xml_node declaration = document.append_child(pugi::node_declaration);
    declaration.append_attribute("version") = "1.0";
    declaration.append_attribute("encoding") = "UTF-8";
    pugi::xml_node root = document.append_child("testsuites");
    set(root, "name", report.record.name);
    Sum all;
    std::size_t next = 0;  // results are in the order of cells
    for (std::size_t i = 0; i < report.record.cells.size(); i++) {
        const CellProgress& cell = report.record.cells[i];
        pugi::xml_node suite = root.append_child("testsuite");
        set(suite, "name", cell.cell.key());
        if (!report.record.started.empty())  // the first 19 characters, because Jenkins accepts no time zone
            set(suite, "timestamp", std::string_view(report.record.started).substr(0, 19));
        Sum sum;
        const std::size_t first = next;
        while (next < report.record.results.size() && report.record.results[next].trial.cell == i) next++;
        if (first < next) {
            pugi::xml_node properties = suite.append_child("properties");
            const Provenance& setting = report.record.results[next - 1].setting;
            for (const auto& [name, value] :
                 {std::pair("memrig", &setting.memrig), std::pair("qemu", &setting.qemu),
                  std::pair("accelerator", &setting.accelerator), std::pair("bench", &setting.bench),
                  std::pair("release", &setting.release), std::pair("sha256", &setting.sha256),
                  std::pair("expected", &setting.expected)}) {
                pugi::xml_node property = properties.append_child("property");
                set(property, "name", std::string_view(name));
                set(property, "value", *value);
            }
        }
        for (std::size_t result = first; result < next; result++) add_trial(suite, report, result, sum);
        if (!cell.skipped.empty()) {
            pugi::xml_node node = add_case(suite, cell.cell, cell.cell.arm);
            set(node.append_child("skipped"), "message", cell.skipped);
            sum.tests++;
            sum.skipped++;
        }
        if (!cell.not_set_up.empty()) {
            pugi::xml_node error = add_case(suite, cell.cell, cell.cell.arm).append_child("error");
            set(error, "type", std::string_view("not set up"));
            set(error, "message", cell.not_set_up);
            sum.tests++;
            sum.errors++;
        }
        sum.write(suite, true);
        all.add(sum);
    }
    all.write(root, false);
    std::ostringstream out;
    document.save(out, "  ", pugi::format_default, pugi::encoding_utf8);
    return out.str();
}

}  // namespace memrig
