// Reads what memrig 0.1.0 stored: findings without a key, in campaign databases, verdict.json files and journals.
#pragma once

#include "oracle/verdict.h"

namespace memrig {

// The key of a finding that has none, read from its summary and details. The fingerprint of this key is the one that
// 0.1.0 computed, so known findings stay known. Never std::monostate. Cycles, hangs and inversions get their fields
// back; of anything else the key is a SentenceKey. Pure; takes any text.
FindingKey legacy_key(const Finding& finding);

}  // namespace memrig
