// page_sample small|large FILE: writes the page of a campaign made by hand, for a browser to open. `large` has 10,000
// results.
#include <cstdio>
#include <string_view>

#include "unit/page/page_samples.h"

int main(int argc, char** argv) {
    using namespace memrig;
    const std::string_view which = argc == 3 ? argv[1] : "";
    if (which != "small" && which != "large") return std::fputs("usage: page_sample small|large FILE\n", stderr), 2;
    const auto directory = TemporaryDirectory::make("memrig-page-sample");
    if (!directory) return std::fputs((directory.error().line() + "\n").c_str(), stderr), 3;
    const bool small = which == "small";
    const LoadedCampaign now =
        small ? samples::small_campaign(directory->path()) : samples::large_campaign(directory->path(), 500, false);
    const std::string page = campaign_page(now, {samples::earlier_campaign(directory->path())});
    const Status done = write_file(argv[2], page);
    return done ? 0 : (std::fputs((done.error().line() + "\n").c_str(), stderr), 3);
}
