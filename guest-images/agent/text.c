/* Reads and escapes the fields of payloads: lines of key=value. */
#include "agent.h"

#include <stdlib.h>
#include <string.h>

static bool is_plain(unsigned char c) { return c > ' ' && c < 0x7F && c != '%'; }

size_t escape(char* out, size_t room, const char* value, size_t length) {
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;
    for (size_t i = 0; i < length && used + 3 <= room; i++) {
        const unsigned char c = (unsigned char)value[i];
        if (is_plain(c)) {
            out[used++] = (char)c;
        } else {
            out[used++] = '%';
            out[used++] = digits[c >> 4];
            out[used++] = digits[c & 15];
        }
    }
    return used;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool unescape(char* out, size_t room, const char* value, size_t length, size_t* out_length) {
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)value[i];
        if (c == '%') {
            if (length - i < 3 || hex_digit(value[i + 1]) < 0 || hex_digit(value[i + 2]) < 0) return false;
            c = hex_digit(value[i + 1]) << 4 | hex_digit(value[i + 2]);
            i += 2;
        }
        if (used + 1 >= room) return false;
        out[used++] = (char)c;
    }
    out[used] = '\0';
    if (out_length) *out_length = used;
    return true;
}

const char* next_value(const char** cursor, const char* key, size_t* length) {
    const size_t key_length = strlen(key);
    const char* at = *cursor;
    while (*at) {
        at += strspn(at, " \n");
        const size_t word = strcspn(at, " \n");
        const char* field = at;
        at += word;
        if (word > key_length && field[key_length] == '=' && memcmp(field, key, key_length) == 0) {
            *cursor = at;
            *length = word - key_length - 1;
            return field + key_length + 1;
        }
    }
    *cursor = at;
    return NULL;
}

bool find_value(const char* payload, const char* key, char* out, size_t room, size_t* length) {
    size_t raw;
    const char* value = next_value(&payload, key, &raw);
    return value && unescape(out, room, value, raw, length);
}

bool find_number(const char* payload, const char* key, uint64_t* out) {
    char text[24], *end;
    size_t length;
    if (!find_value(payload, key, text, sizeof text, &length) || length == 0 || strspn(text, "0123456789") != length ||
        length > 19)
        return false;
    *out = strtoull(text, &end, 10);
    return true;
}
