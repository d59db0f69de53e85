/* Sends replies: lines in parts, then a status. The UART takes microseconds for each byte, so long replies can be
 * deflated. */
#include "agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef MEMRIG_ZLIB
#include <zlib.h>

/* Removes the first byte of a frame, F5, from binary payloads: F4 becomes F4 00, F5 becomes F4 01. */
static size_t stuff(char* out, const unsigned char* in, size_t length) {
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (in[i] == 0xF4 || in[i] == 0xF5) {
            out[used++] = (char)0xF4;
            out[used++] = (char)(in[i] - 0xF4);
        } else {
            out[used++] = (char)in[i];
        }
    }
    return used;
}

/* Deflates the text and sends the output. */
static void deflate_text(struct reply* reply, int flush) {
    unsigned char packed[8192];
    char stuffed[2 * sizeof packed];
    z_stream* stream = reply->deflate;
    stream->next_in = (unsigned char*)reply->text;
    stream->avail_in = (uInt)reply->used;
    do {
        stream->next_out = packed;
        stream->avail_out = sizeof packed;
        deflate(stream, flush);
        const size_t length = stuff(stuffed, packed, sizeof packed - stream->avail_out);
        if (length) link_send(FRAME_DEFLATED_PART, reply->id, reply->parts++, stuffed, length);
    } while (stream->avail_out == 0);
}

static void start_deflate(struct reply* reply) {
    z_stream* stream = calloc(1, sizeof *stream);
    if (stream && deflateInit2(stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK)
        reply->deflate = stream;
    else free(stream);
}
#else
enum { Z_NO_FLUSH, Z_FINISH };
static void deflate_text(struct reply* reply, int flush) { (void)reply, (void)flush; }
static void deflateEnd(void* stream) { (void)stream; }
static void start_deflate(struct reply* reply) { (void)reply; }
#endif

void reply_begin(struct reply* reply, uint32_t id, bool may_deflate) {
    reply->id = id;
    reply->parts = 0;
    reply->used = 0;
    reply->deflate = NULL;
    reply->may_deflate = may_deflate;
}

static void reply_flush(struct reply* reply) {
    if (reply->deflate) deflate_text(reply, Z_NO_FLUSH);
    else if (reply->used) link_send(FRAME_PART, reply->id, reply->parts++, reply->text, reply->used);
    reply->used = 0;
}

/* Sends the text when there is no more room. A reply that does not fit into one part is worth deflating. */
static void reply_overflow(struct reply* reply) {
    if (reply->may_deflate && reply->parts == 0 && !reply->deflate) start_deflate(reply);
    reply_flush(reply);
}

static void reply_finish(struct reply* reply) {
    if (reply->deflate) {
        deflate_text(reply, Z_FINISH);
        deflateEnd(reply->deflate);
        free(reply->deflate);
        reply->deflate = NULL;
        reply->used = 0;
    } else {
        reply_flush(reply);
    }
}

/* A part must end where a line ends, so only here can one become full. */
void reply_newline(struct reply* reply) {
    reply->text[reply->used++] = '\n';
    if (reply->used >= PART_BYTES) reply_overflow(reply);
}

char* reply_room(struct reply* reply, size_t bytes) {
    if (sizeof reply->text - reply->used < bytes + 1) reply_overflow(reply);
    return reply->text + reply->used;
}

void reply_line(struct reply* reply, const char* format, ...) {
    va_list arguments;
    char* room = reply_room(reply, 512);
    va_start(arguments, format);
    const int length = vsnprintf(room, 512, format, arguments);
    va_end(arguments);
    if (length > 0) reply->used += length < 512 ? (size_t)length : 511;
    reply_newline(reply);
}

void reply_field(struct reply* reply, const char* key, const char* value, size_t length) {
    /* The line may be unfinished, so nothing may be sent here: a value that does not fit is cut. */
    const size_t room = sizeof reply->text - reply->used - 2, key_length = strlen(key);
    if (room < key_length + 2) return;
    char *out = reply->text + reply->used, *start = out;
    if (reply->used && out[-1] != '\n') *out++ = ' ';
    memcpy(out, key, key_length);
    out += key_length;
    *out++ = '=';
    out += escape(out, room - (size_t)(out - start), value, length);
    reply->used += (size_t)(out - start);
}

void reply_ok(struct reply* reply) {
    static const char ok[] = "status=ok\n";
    reply_finish(reply);
    link_send(FRAME_REPLY, reply->id, reply->parts, ok, sizeof ok - 1);
}

void reply_error(struct reply* reply, const char* doing, int error) {
    char text[2048], *out = text;
    const char* const end = text + sizeof text - 2;
    const char *name = strerrorname_np(error), *description = strerrordesc_np(error);
    reply_finish(reply);
    out += sprintf(out, "status=error code=%d errno=%s doing=", error, name ? name : "unknown");
    out += escape(out, 1500, doing, strlen(doing));
    out += sprintf(out, " text=");
    if (!description) description = "unknown error";
    out += escape(out, (size_t)(end - out), description, strlen(description));
    *out++ = '\n';
    link_send(FRAME_REPLY, reply->id, reply->parts, text, (size_t)(out - text));
}

void reply_error_to(uint32_t id, const char* doing, int error) {
    /* Only the main thread uses it. */
    static struct reply reply;
    reply_begin(&reply, id, false);
    reply_error(&reply, doing, error);
}
