// page_sample small|large FILE: writes the page of a campaign made by hand, for a browser to open. `large` has 10,000
// results. page_sample DIR FILE: writes the page of a directory, or of a trial's.
#include <cstdio>
#include <string_view>

#include "report/trial_record.h"
#include "unit/page/page_samples.h"

namespace memrig {
namespace {

Result<std::string> page_named(const std::string& which) {
    if (is_trial_directory(which)) return trial_page(which);
    if (which != "small" && which != "large") {
        MEMRIG_TRY(const Subject subject, load_subject(which));
        return subject_page(subject, {});
    }
    MEMRIG_TRY(const auto directory, TemporaryDirectory::make("memrig-page-sample"));
    const LoadedCampaign now = which == "small" ? samples::small_campaign(directory.path())
                                                : samples::large_campaign(directory.path(), 500, false);
    return subject_page({"Campaign", now}, {samples::earlier_campaign(directory.path())});
}

}  // namespace
}  // namespace memrig

int main(int argc, char** argv) {
    using namespace memrig;
    if (argc != 3) return std::fputs("usage: page_sample small|large|DIR FILE\n", stderr), 2;
    const auto page = page_named(argv[1]);
    if (!page) return std::fputs((page.error().line() + "\n").c_str(), stderr), 3;
    const Status done = write_file(argv[2], *page);
    return done ? 0 : (std::fputs((done.error().line() + "\n").c_str(), stderr), 3);
}
