/* Encodes and decodes frames: a header and a payload, each with its own CRC. Little-endian on the wire. */
#include "agent.h"

#include <endian.h>
#include <string.h>

/* No payload contains the first byte, so a frame that was cut off ends where the next one starts. */
static const unsigned char magic[4] = {0xF5, 'M', 'R', 0xF7};

static uint32_t crc32(const void* data, size_t length) {
    static uint32_t table[256];
    static bool ready;
    const unsigned char* bytes = data;
    uint32_t crc = 0xFFFFFFFFu;
    if (!ready) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t value = i;
            for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xEDB88320u : value >> 1;
            table[i] = value;
        }
        ready = true; /* a second thread would only compute the same table again */
    }
    for (size_t i = 0; i < length; i++) crc = table[(crc ^ bytes[i]) & 0xFF] ^ crc >> 8;
    return ~crc;
}

static void put16(char* out, uint16_t value) {
    value = htole16(value);
    memcpy(out, &value, sizeof value);
}

static void put32(char* out, uint32_t value) {
    value = htole32(value);
    memcpy(out, &value, sizeof value);
}

static uint16_t get16(const char* in) {
    uint16_t value;
    memcpy(&value, in, sizeof value);
    return le16toh(value);
}

static uint32_t get32(const char* in) {
    uint32_t value;
    memcpy(&value, in, sizeof value);
    return le32toh(value);
}

size_t frame_encode(char* out, uint8_t type, uint32_t id, uint16_t sequence, const char* payload, size_t length) {
    memcpy(out, magic, sizeof magic);
    out[4] = PROTOCOL_VERSION;
    out[5] = (char)type;
    put16(out + 6, sequence);
    put32(out + 8, id);
    put32(out + 12, (uint32_t)length);
    put32(out + 16, crc32(out, 16));
    memcpy(out + HEADER_BYTES, payload, length);
    put32(out + HEADER_BYTES + length, crc32(payload, length));
    return HEADER_BYTES + length + CRC_BYTES;
}

char* decoder_room(struct decoder* decoder, size_t* room) {
    *room = sizeof decoder->bytes - decoder->used;
    return decoder->bytes + decoder->used;
}

static bool header_is_sound(const char* at) {
    return memcmp(at, magic, sizeof magic) == 0 && at[4] == PROTOCOL_VERSION && get32(at + 16) == crc32(at, 16) &&
           get32(at + 12) <= MAX_PAYLOAD;
}

bool decoder_next(struct decoder* decoder, struct frame* frame, char* payload) {
    const char *at = decoder->bytes, *end = decoder->bytes + decoder->used;
    bool found = false;
    while ((at = memchr(at, magic[0], (size_t)(end - at))) != NULL) {
        const size_t have = (size_t)(end - at);
        if (have < HEADER_BYTES) break;
        if (!header_is_sound(at)) {
            at++;
            continue;
        }
        const size_t length = get32(at + 12);
        const size_t have_payload = have - HEADER_BYTES < length ? have - HEADER_BYTES : length;
        const char* cut = memchr(at + HEADER_BYTES, magic[0], have_payload);
        if (cut) {
            at = cut;
            continue;
        }
        if (have < HEADER_BYTES + length + CRC_BYTES) break;
        if (get32(at + HEADER_BYTES + length) != crc32(at + HEADER_BYTES, length)) {
            at++;
            continue;
        }
        frame->type = (uint8_t)at[5];
        frame->sequence = get16(at + 6);
        frame->id = get32(at + 8);
        frame->length = length;
        memcpy(payload, at + HEADER_BYTES, length);
        payload[length] = '\0';
        frame->payload = payload;
        at += HEADER_BYTES + length + CRC_BYTES;
        found = true;
        break;
    }
    decoder->used = at ? (size_t)(end - at) : 0;
    memmove(decoder->bytes, at ? at : end, decoder->used);
    return found;
}
