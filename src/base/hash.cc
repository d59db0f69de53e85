#include "base/hash.h"

#include <cstdint>
#include <cstdlib>

#include <openssl/evp.h>

#include "base/file.h"

namespace memrig {

namespace {
std::string hex_digest(EVP_MD_CTX* context) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context, digest, &size) != 1) std::abort();
    std::string text;
    for (unsigned i = 0; i < size; i++) text += fmt::format("{:02x}", digest[i]);
    return text;
}
}  // namespace

Hasher::Hasher() : context_(EVP_MD_CTX_new()) {
    if (context_ == nullptr || EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) != 1) std::abort();
}

Hasher::~Hasher() { EVP_MD_CTX_free(context_); }

Hasher& Hasher::add(std::string_view field) {
    const std::uint64_t size = field.size();
    EVP_DigestUpdate(context_, &size, sizeof size);
    EVP_DigestUpdate(context_, field.data(), field.size());
    return *this;
}

std::string Hasher::finish() { return hex_digest(context_); }

Result<std::string> hash_file(const std::filesystem::path& path) {
    MEMRIG_TRY(const std::string bytes, read_file(path, 1ull << 30));
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) std::abort();
    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size());
    return hex_digest(context.get());
}

}  // namespace memrig
