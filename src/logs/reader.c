/*
 * Bytes to records to events.
 *
 * Unread bytes stand in one buffer: [head, size). A record is cut only from content, never from
 * how the bytes came in pieces, so any chunking gives the same events. Bytes [head, scan) have been
 * looked at for the end of the record at head, and `state` is what CSV says behind them.
 *
 * A CSV record that has no end within max_record bytes (a quote that never closes) is given up: its
 * first line becomes a record, and lines are records up to where the search had come, which also
 * keeps the work linear.
 */
#include "logs/reader.h"

#include "base/mem.h"
#include "base/span.h"
#include "codec/csv.h"
#include "logs/csv_event.h"

#include <string.h>

enum { DEFAULT_MAX_RECORD = (1 << 20) + (64 << 10) };

typedef struct position {
    size_t head;
    size_t scan;
    size_t lines_until; /* CSV: a record that starts before here is one line */
    csv_state state;
} position;

struct log_form {
    log_input input; /* AUTO becomes CSV when the first record is a header */
    bool has_header;
    csv_header header;
};

struct log_reader {
    buf bytes;
    position at;
    position before; /* `at` as it was before the last record */
    size_t max_record;
    bool started; /* the first record has been looked at: form no longer changes */
    bool ended;
    log_form form;
};

log_reader *log_reader_new(log_input input, size_t max_record)
{
    log_reader *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    buf_init(&r->bytes);
    csv_header_init(&r->form.header);
    r->form.input = input;
    r->max_record = max_record == 0 || max_record > SIZE_MAX / 4 ? DEFAULT_MAX_RECORD : max_record;
    return r;
}

void log_reader_free(log_reader *r)
{
    if (r == NULL)
        return;
    buf_fini(&r->bytes);
    csv_header_fini(&r->form.header);
    mem_free(r);
}

static void drop_read_bytes(log_reader *r)
{
    size_t head = r->at.head;
    if (head == 0)
        return;
    r->bytes.size -= head;
    memmove(r->bytes.data, r->bytes.data + head, r->bytes.size);
    r->at.head = 0;
    r->at.scan -= head;
    r->at.lines_until = r->at.lines_until > head ? r->at.lines_until - head : 0;
}

alf_status log_reader_feed(log_reader *r, alf_span bytes, alf_error *err)
{
    if (r->ended)
        return error_set(err, ALF_E_ARGUMENT,
                         "bytes were given to a log reader after the end of its stream; make a new "
                         "reader for each stream");
    if (bytes.size == 0) {
        r->ended = true;
        return ALF_OK;
    }
    drop_read_bytes(r);
    buf_append_span(&r->bytes, bytes);
    alf_status status = buf_status(&r->bytes, err);
    r->bytes.failed = false; /* nothing was appended: the same bytes can be given again */
    return status;
}

/* Takes `size` bytes as a record and goes on `skip` bytes behind them. */
static bool take(log_reader *r, size_t size, size_t skip, alf_span *record)
{
    *record = span_of(r->bytes.data + r->at.head, size);
    r->at.head += size + skip;
    r->at.scan = r->at.head;
    r->at.state = CSV_START;
    return true;
}

/* How far the search for the end of a record may look: one that fits, with CRLF, ends before. */
static size_t search_limit(const log_reader *r)
{
    size_t left = r->bytes.size - r->at.head;
    return r->at.head + (left < r->max_record + 2 ? left : r->max_record + 2);
}

/* Takes the record that the line end at `end` closes, if it is not too long. */
static bool take_line(log_reader *r, size_t end, alf_span *record)
{
    size_t size = end - r->at.head;
    size_t skip = 1;
    if (size > 0 && r->bytes.data[end - 1] == '\r') {
        size--;
        skip = 2;
    }
    return size <= r->max_record && take(r, size, skip, record);
}

static bool cut_line(log_reader *r, alf_span *record)
{
    size_t limit = search_limit(r);
    size_t size = limit - r->at.head;
    const char *found = NULL;
    if (limit > r->at.scan)
        found = memchr(r->bytes.data + r->at.scan, '\n', limit - r->at.scan);
    if (found != NULL && take_line(r, (size_t)(found - r->bytes.data), record))
        return true;
    if (found != NULL || size == r->max_record + 2 || (r->ended && size > r->max_record))
        return take(r, r->max_record, 0, record);
    if (r->ended && size > 0)
        return take(r, size, 0, record);
    r->at.scan = limit;
    return false;
}

static bool cut_csv(log_reader *r, alf_span *record)
{
    if (r->at.head < r->at.lines_until)
        return cut_line(r, record);
    size_t limit = search_limit(r);
    size_t size = limit - r->at.head;
    bool given_up = false;
    for (; r->at.scan < limit && !given_up; r->at.scan++) {
        char c = r->bytes.data[r->at.scan];
        if (c == '\n' && r->at.state != CSV_QUOTED) {
            if (take_line(r, r->at.scan, record))
                return true;
            given_up = true;
        }
        r->at.state = csv_step(r->at.state, c);
    }
    if (!given_up && size < r->max_record + 2) {
        if (!r->ended || size == 0)
            return false;
        if (r->at.state != CSV_QUOTED && size <= r->max_record)
            return take(r, size, 0, record);
    }
    r->at.lines_until = r->at.scan;
    r->at.scan = r->at.head;
    return cut_line(r, record);
}

/* Looks at the first record. *is_header: it was a CSV header, not a log. */
static alf_status start(log_reader *r, alf_span record, bool *is_header, alf_error *err)
{
    *is_header = false;
    bool guess = r->form.input == LOG_INPUT_AUTO;
    if (guess || r->form.input == LOG_INPUT_CSV) {
        alf_status status = csv_header_read(&r->form.header, record, guess, is_header, err);
        if (status != ALF_OK || !*is_header) {
            csv_header_fini(&r->form.header);
            csv_header_init(&r->form.header);
        }
        TRY(status);
    }
    r->started = true;
    r->form.has_header = *is_header;
    if (*is_header)
        r->form.input = LOG_INPUT_CSV;
    return ALF_OK;
}

const log_form *log_reader_form(const log_reader *r)
{
    return &r->form;
}

alf_status log_form_parse(const log_form *form, alf_span record, arena *scratch, log_event *event,
                          alf_error *err)
{
    if (form->input != LOG_INPUT_CSV)
        return log_parse(record, form->input, scratch, event, err);
    return csv_event_parse(record, form->has_header ? &form->header : NULL, scratch, event, err);
}

alf_status log_reader_cut(log_reader *r, alf_span *record, bool *got, alf_error *err)
{
    *got = false;
    for (;;) {
        r->before = r->at;
        if (!(r->form.input == LOG_INPUT_CSV ? cut_csv(r, record) : cut_line(r, record)))
            return ALF_OK;
        bool is_header = false;
        alf_status status = r->started ? ALF_OK : start(r, *record, &is_header, err);
        if (status == ALF_OK && is_header)
            continue;
        if (status != ALF_OK)
            r->at = r->before; /* the record stays, so that it is not lost */
        *got = status == ALF_OK;
        return status;
    }
}

alf_status log_reader_next(log_reader *r, arena *scratch, log_event *event, bool *got,
                           alf_error *err)
{
    alf_span record;
    TRY(log_reader_cut(r, &record, got, err));
    if (!*got)
        return ALF_OK;
    alf_status status = log_form_parse(&r->form, record, scratch, event, err);
    if (status != ALF_OK)
        r->at = r->before;
    *got = status == ALF_OK;
    return status;
}
