// Reads the findings that memrig 0.1.0 stored without a key, in campaign databases, verdict.json files and journals.
#pragma once

#include "oracle/verdict.h"

namespace memrig {

// Makes the key of a finding that has none, from its summary and details. The fingerprint of this key is the one that
// 0.1.0 computed, so known findings stay known. The key is never std::monostate. Cycles, hangs and inversions get their
// fields back; every other finding gets a SentenceKey. Pure function; accepts any text.
FindingKey legacy_key(const Finding& finding);

}  // namespace memrig
