// Kernels of source mutants, built again.
#include <gtest/gtest.h>

#include "base/file.h"
#include "kernel/catalogue.h"

namespace memrig {
namespace {

// Each in turn in the same tree, in another order than before: what one leaves behind would show in the next.
TEST(SourceMutants, AreBuiltTheSameWhateverWasBuiltBefore) {
    std::vector<std::pair<KernelEntry, std::string>> made;
    for (const char* name : {"state_store", "online_pages_unlocked", "block_left_out"}) {
        const auto entry = find_kernel(std::string("ref-6.12-amd64+") + name);
        ASSERT_TRUE(entry) << entry.error().line();
        const auto kernel = build_kernel(*entry);
        ASSERT_TRUE(kernel) << kernel.error().line();
        made.emplace_back(*entry, kernel->sha256);
        fs::remove_all(kernel->image.parent_path());
    }
    for (const auto& [entry, hash] : made) {
        const auto kernel = build_kernel(entry);
        ASSERT_TRUE(kernel) << kernel.error().line();
        EXPECT_EQ(kernel->sha256, hash) << entry.id;
    }
}

}  // namespace
}  // namespace memrig
