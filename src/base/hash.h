// SHA-256 hashes: cache keys, and the identity of kernels, agents and images in results.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

struct evp_md_ctx_st;

namespace memrig {

// SHA-256 over a sequence of fields. Each field is hashed with its length, so {"ab", "c"} and {"a", "bc"} differ.
class Hasher {
public:
    Hasher();
    ~Hasher();
    Hasher(const Hasher&) = delete;
    Hasher& operator=(const Hasher&) = delete;

    Hasher& add(std::string_view field);
    // 64 lower-case hex digits. The hasher cannot be used after this.
    std::string finish();

private:
    evp_md_ctx_st* context_;
};

// SHA-256 of a file's bytes (as sha256sum prints it).
Result<std::string> hash_file(const std::filesystem::path& path);

}  // namespace memrig
