#include "run/bundle.h"

#include <algorithm>
#include <map>
#include <memory>

#include <archive.h>
#include <archive_entry.h>

#include "base/hash.h"
#include "base/paths.h"
#include "base/process.h"
#include "machine/bench.h"
#include "machine/emulator.h"
#include "run/evidence.h"
#include "run/trial_json.h"

namespace memrig {

namespace {

constexpr int kSchema = 1;
constexpr std::uint64_t kMostBytes = 64u << 20;  // of one file
constexpr unsigned kMostFiles = 64;
constexpr std::size_t kBlock = 1u << 16;
constexpr std::string_view kFolder = "trial/";
const std::vector<std::string> kNeeded = {"bundle.json", "trial/trial.json", "trial/verdict.json"};
// The files that a reader of a trial looks at.
const std::vector<std::string> kEvidence = {"trial/timeline.json", "trial/locks.json", "trial/console.log",
                                            "trial/qmp.jsonl", "trial/arming.json"};

using Reader = std::unique_ptr<struct archive, decltype(&archive_read_free)>;
using Writer = std::unique_ptr<struct archive, decltype(&archive_write_free)>;
using Entry = std::unique_ptr<struct archive_entry, decltype(&archive_entry_free)>;

std::string why(struct archive* archive) {
    const char* text = archive_error_string(archive);
    return text != nullptr ? text : "no reason given";
}

std::string sha256_of(const std::string& program) {
    const auto path = program.find('/') == std::string::npos ? find_program(program) : std::optional<fs::path>(program);
    return path ? hash_file(*path).value_or("") : "";
}

struct HostHashes {
    std::string qemu, agent;
};
// The hashes of the programs that would play the trial on this host; empty if unknown.
HostHashes hashes_here(const TrialRecipe& recipe, const std::string& emulator) {
    HostHashes hashes;
    auto bench = load_bench(recipe.bench);
    if (!bench) return hashes;
    hashes.agent = hash_file(agent_binary(bench->arch)).value_or("");
    if (use_emulator(*bench, emulator)) hashes.qemu = sha256_of(bench->emulator.program);
    return hashes;
}

Status add_file(struct archive* writer, const std::string& name, const std::string& bytes) {
    const Entry entry(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_mtime(entry.get(), 0, 0);
    if (archive_write_header(writer, entry.get()) != ARCHIVE_OK ||
        archive_write_data(writer, bytes.data(), bytes.size()) != static_cast<la_ssize_t>(bytes.size()))
        return fail(Fault::host, "cannot pack {}: {}", name, why(writer));
    return {};
}

Result<std::string> packed(const std::map<std::string, std::string>& files, bool gzip) {
    std::string out;
    const Writer writer(archive_write_new(), archive_write_free);
    const int filter = gzip ? archive_write_add_filter_gzip(writer.get()) : archive_write_add_filter_zstd(writer.get());
    const auto append = [](struct archive*, void* to, const void* bytes, std::size_t size) {
        static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
        return static_cast<la_ssize_t>(size);
    };
    archive_write_set_bytes_in_last_block(writer.get(), 1);  // no padding: zstd would read it as another frame
    if (filter != ARCHIVE_OK || archive_write_set_format_pax_restricted(writer.get()) != ARCHIVE_OK ||
        archive_write_open2(writer.get(), &out, nullptr, append, nullptr, nullptr) != ARCHIVE_OK)
        return fail(Fault::host, "cannot pack: {}", why(writer.get()));
    for (const auto& [name, bytes] : files) MEMRIG_CHECK(add_file(writer.get(), name, bytes));
    if (archive_write_close(writer.get()) != ARCHIVE_OK) return fail(Fault::host, "cannot pack: {}", why(writer.get()));
    return out;
}

bool is_plain_name(std::string_view name) {
    return !name.empty() && name.front() != '.' && std::ranges::all_of(name, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
    });
}

std::unexpected<Error> no_bundle(const fs::path& file, const std::string& what) {
    return fail(Fault::user_input, "{} is not a bundle: {}", file.string(), what);
}

// Returns the files of kNeeded, and those of `also` that are there. The other entries are checked and skipped.
Result<std::map<std::string, std::string>> unpacked(const fs::path& file, const std::vector<std::string>& also) {
    const Reader reader(archive_read_new(), archive_read_free);
    archive_read_support_filter_zstd(reader.get());
    archive_read_support_filter_gzip(reader.get());
    archive_read_support_format_tar(reader.get());
    if (archive_read_open_filename(reader.get(), file.c_str(), kBlock) != ARCHIVE_OK)
        return no_bundle(file, why(reader.get()));
    std::map<std::string, std::string> files;
    struct archive_entry* entry = nullptr;
    for (unsigned count = 0;; count++) {
        const int status = archive_read_next_header(reader.get(), &entry);
        if (status == ARCHIVE_EOF) break;
        if (status != ARCHIVE_OK) return no_bundle(file, why(reader.get()));
        if (count == kMostFiles) return no_bundle(file, "it holds too many files");
        const char* path = archive_entry_pathname(entry);
        const std::string name = path != nullptr ? path : "";
        const bool known = name == kNeeded.front() ||
                           (name.starts_with(kFolder) && is_plain_name(std::string_view(name).substr(kFolder.size())));
        if (!known || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr)
            return no_bundle(file, "it holds an entry that does not belong in a bundle");
        const la_int64_t size = archive_entry_size(entry);
        if (size < 0 || static_cast<std::uint64_t>(size) > kMostBytes)
            return no_bundle(file, "a file in it is too large");
        if (files.contains(name)) return no_bundle(file, "it holds a file twice");
        if (std::ranges::find(kNeeded, name) == kNeeded.end() && std::ranges::find(also, name) == also.end()) continue;
        std::string bytes(static_cast<std::size_t>(size), '\0');
        if (archive_read_data(reader.get(), bytes.data(), bytes.size()) != size)
            return no_bundle(file, "it is cut off");
        files.emplace(name, std::move(bytes));
    }
    for (const auto& name : kNeeded)
        if (!files.contains(name)) return no_bundle(file, "it has no " + name);
    return files;
}

std::string text_at(const nlohmann::json& facts, const std::string& pointer) {
    const nlohmann::json::json_pointer at(pointer);
    return facts.contains(at) && facts.at(at).is_string() ? facts.at(at).get<std::string>() : "";
}

struct Opened {
    TemporaryDirectory directory;  // holds the files of trial/
    nlohmann::json facts;          // bundle.json, an object
};
// Writes trial.json, verdict.json and the files `also` to a new directory, and compares their hashes.
Result<Opened> opened_with(const fs::path& file, const std::vector<std::string>& also) {
    MEMRIG_TRY(const auto files, unpacked(file, also));
    MEMRIG_TRY(TemporaryDirectory directory, TemporaryDirectory::make("memrig-bundle"));
    Opened opened{std::move(directory), nlohmann::json::parse(files.at(kNeeded.front()), nullptr, false)};
    const nlohmann::json& facts = opened.facts;
    if (!facts.is_object() || facts.value("schema", nlohmann::json()) != kSchema)
        return no_bundle(file, "bundle.json is damaged, or of another version of memrig");
    for (const auto& [name, bytes] : files) {
        if (!name.starts_with(kFolder)) continue;
        const std::string plain = name.substr(kFolder.size());
        const fs::path path = opened.directory.path() / plain;
        MEMRIG_CHECK(write_file(path, bytes));
        MEMRIG_TRY(const std::string hash, hash_file(path));
        if (hash != text_at(facts, "/files/" + plain)) return no_bundle(file, plain + " is not what was packed");
    }
    return opened;
}

// Refuses paths in a recipe from another host. Such a recipe may only name things by their ids.
Status check_names(const TrialRecipe& recipe, const fs::path& file, const std::string& kernel,
                   const std::string& emulator) {
    const auto is_path = [](const std::string& name) { return name.find('/') != std::string::npos; };
    if (is_path(recipe.bench))
        return fail(Fault::user_input, "{}: its bench is a file of the host where it was packed, {}", file.string(),
                    recipe.bench);
    if (kernel.empty() && is_path(recipe.kernel))
        return fail_with({Fault::user_input,
                          fmt::format("{}: its kernel is a file of the host where it was packed, {} ({}, sha256 {})",
                                      file.string(), recipe.kernel, recipe.kernel_release, recipe.kernel_sha256),
                          {}},
                         "give yours with --kernel");
    if (emulator.empty() && is_path(recipe.emulator))
        return fail_with({Fault::user_input,
                          fmt::format("{}: its QEMU is a file of the host where it was packed, {} ({})", file.string(),
                                      recipe.emulator, recipe.qemu_version),
                          {}},
                         "give yours with --emulator");
    return {};
}

}  // namespace

Status write_bundle(const fs::path& trial, const fs::path& out) {
    MEMRIG_TRY(const TrialRecipe recipe, read_recipe(trial));
    MEMRIG_TRY(const TrialResult result, read_verdict(trial));
    std::error_code code;
    if (fs::exists(fs::symlink_status(out, code)))
        return fail_with({Fault::user_input, out.string() + " already exists", {}}, "give another --out");
    std::map<std::string, std::string> files;
    nlohmann::json hashes = nlohmann::json::object();
    for (fs::directory_iterator it(trial, code), end; !code && it != end; it.increment(code)) {
        const std::string name = it->path().filename().string();
        std::error_code unknown;
        if (!is_plain_name(name) || !fs::is_regular_file(it->symlink_status(unknown))) continue;
        MEMRIG_TRY(std::string bytes, read_file(it->path(), kMostBytes));
        MEMRIG_TRY(hashes[name], hash_file(it->path()));
        files[std::string(kFolder) + name] = std::move(bytes);
    }
    if (code) return fail(Fault::user_input, "cannot read {}: {}", trial.string(), code.message());
    if (files.size() >= kMostFiles) return fail(Fault::user_input, "{} holds too many files", trial.string());
    const HostHashes here = hashes_here(recipe, recipe.emulator);
    files[kNeeded.front()] = text_of(
        {{"schema", kSchema},
         {"memrig", MEMRIG_VERSION},
         {"scenario", recipe.scenario},
         {"arm", recipe.arm},
         {"number", recipe.number},
         {"verdict", to_string(result.verdict)},
         {"kernel", {{"id", recipe.kernel}, {"release", recipe.kernel_release}, {"sha256", recipe.kernel_sha256}}},
         {"qemu", {{"version", recipe.qemu_version}, {"sha256", here.qemu}}},
         {"agent", {{"sha256", here.agent}}},
         {"files", std::move(hashes)}});
    const std::string extension = out.extension().string();
    MEMRIG_TRY(const std::string bytes, packed(files, extension == ".gz" || extension == ".tgz"));
    return write_file(out, bytes);
}

Result<Bundle> open_bundle(const fs::path& file, const std::string& kernel, const std::string& emulator) {
    MEMRIG_TRY(Opened opened, opened_with(file, {}));
    Bundle bundle{std::move(opened.directory), {}};
    const auto text = [&](const char* pointer) { return text_at(opened.facts, pointer); };
    MEMRIG_TRY(const TrialRecipe recipe, read_recipe(bundle.directory.path()));
    MEMRIG_CHECK(check_names(recipe, file, kernel, emulator));
    const HostHashes here = hashes_here(recipe, emulator.empty() ? recipe.emulator : emulator);
    const auto compare = [&](const char* what, const std::string& then, const std::string& now) {
        if (!then.empty() && then != now)
            bundle.warnings.push_back(
                fmt::format("{} differs from the one on the host where the bundle was packed (sha256 {})", what,
                            then.substr(0, std::min<std::size_t>(then.size(), 12))));
    };
    compare("QEMU's program", text("/qemu/sha256"), here.qemu);
    compare("the agent", text("/agent/sha256"), here.agent);
    if (text("/memrig") != MEMRIG_VERSION)
        bundle.warnings.push_back(
            fmt::format("the bundle was packed by another version of memrig, {}", text("/memrig")));
    return bundle;
}

Result<TemporaryDirectory> unpack_evidence(const fs::path& file) {
    MEMRIG_TRY(Opened opened, opened_with(file, kEvidence));
    return std::move(opened.directory);
}

}  // namespace memrig
