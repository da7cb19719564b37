/*
 * The stack machine. Invariants: every stack, mark and memo slot below its count holds a value
 * made by the builder; marks never decrease and never exceed the stack's count; nothing is read
 * beyond `bytes`; the bytes of stack, marks and memo are counted against the memory limit.
 */
#include "codec/pickle.h"

#include "base/mem.h"
#include "base/unicode.h"
#include "codec/globals.h"
#include "codec/pickle_text.h"
#include "codec/reduce.h"

typedef struct machine {
    builder *b;
    alf_span bytes;
    size_t at;
    size_t begin; /* of this pickle */
    size_t start; /* of the current opcode */
    unsigned char opcode;
    bool stopped;
    const pickle_hook *hook;
    value **stack;
    size_t count;
    size_t capacity;
    size_t *marks; /* stack counts at each open MARK */
    size_t mark_count;
    size_t mark_capacity;
    value **memo;      /* NULL: not set */
    size_t memo_count; /* how many are set, as MEMOIZE counts */
    size_t memo_capacity;
} machine;

typedef alf_status operation(machine *m);

/* ------------------------------------------------------------------ input */

static alf_status damaged(machine *m, const char *what)
{
    return error_at(m->b->err, ALF_E_FORMAT, m->start, "the pickle %s (opcode 0x%02X)", what,
                    m->opcode);
}

static alf_status take(machine *m, uint64_t size, alf_span *out)
{
    size_t left = m->bytes.size - m->at;
    if (size > left)
        return error_at(m->b->err, ALF_E_FORMAT, m->start,
                        "the pickle is cut short: opcode 0x%02X wants %llu bytes, %zu are left",
                        m->opcode, (unsigned long long)size, left);
    *out = span_of(m->bytes.data + m->at, (size_t)size);
    m->at += (size_t)size;
    return ALF_OK;
}

static alf_status take_line(machine *m, alf_span *out)
{
    const char *from = m->bytes.data + m->at;
    const char *end = memchr(from, '\n', m->bytes.size - m->at);
    if (end == NULL)
        return damaged(m, "is cut short inside a line of text");
    *out = span_of(from, (size_t)(end - from));
    m->at += out->size + 1;
    return ALF_OK;
}

/* A little-endian unsigned number of 1 to 8 bytes. */
static alf_status take_number(machine *m, size_t size, uint64_t *out)
{
    alf_span s;
    TRY(take(m, size, &s));
    uint64_t x = 0;
    for (size_t i = size; i-- > 0;)
        x = x << 8 | (unsigned char)s.data[i];
    *out = x;
    return ALF_OK;
}

/* A number of `size` bytes, then as many bytes as it says. */
static alf_status take_counted(machine *m, size_t size, alf_span *out)
{
    uint64_t length;
    TRY(take_number(m, size, &length));
    return take(m, length, out);
}

/* The same with a signed length, as the oldest opcodes have. */
static alf_status take_signed_counted(machine *m, alf_span *out)
{
    uint64_t length;
    TRY(take_number(m, 4, &length));
    if (length > INT32_MAX)
        return damaged(m, "has a negative length");
    return take(m, length, out);
}

/* ------------------------------------------------------------------ stack and memo */

/* Room for `need` items of `size` bytes, NULLed. */
static alf_status grow(machine *m, void **array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return ALF_OK;
    size_t wanted = need < *capacity * 2 ? *capacity * 2 : need;
    if (wanted < 32)
        wanted = 32;
    if (wanted > SIZE_MAX / 2 / size)
        return damaged(m, "wants more memory than there can be");
    TRY(builder_count_heap(m->b, (wanted - *capacity) * size, m->start));
    void *larger = mem_realloc(*array, wanted, size);
    if (larger == NULL) {
        m->b->heap -= (wanted - *capacity) * size;
        return error_nomem(m->b->err, "a pickle's stack");
    }
    memset((char *)larger + *capacity * size, 0, (wanted - *capacity) * size);
    *array = larger;
    *capacity = wanted;
    return ALF_OK;
}

static alf_status push(machine *m, value *v)
{
    void *stack = m->stack;
    TRY(grow(m, &stack, &m->capacity, m->count + 1, sizeof(value *)));
    m->stack = stack;
    m->stack[m->count++] = v;
    return ALF_OK;
}

/* Items below the innermost mark are out of reach. */
static size_t floor_of(const machine *m)
{
    return m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0;
}

/* The n topmost items, which stay where they are. */
static alf_status top(machine *m, size_t n, value ***out)
{
    if (m->count - floor_of(m) < n)
        return damaged(m, "takes a value from an empty stack");
    *out = m->stack + (m->count - n);
    return ALF_OK;
}

/* Replaces the n topmost items by v. */
static alf_status replace(machine *m, size_t n, value *v)
{
    m->count -= n;
    return push(m, v);
}

/* Closes the innermost mark: the items above it, which are off the stack once this returns but
 * stay valid until the next push. */
static alf_status pop_mark(machine *m, value ***items, size_t *count)
{
    if (m->mark_count == 0)
        return damaged(m, "closes a mark that was never set");
    size_t mark = m->marks[--m->mark_count];
    *items = m->count > 0 ? m->stack + mark : m->stack; /* which may be NULL while empty */
    *count = m->count - mark;
    m->count = mark;
    return ALF_OK;
}

/*
 * Picklers number memo entries one by one, and each takes at least a byte of the stream. So an
 * index beyond the bytes read so far is no pickler's work, and the memo stays in proportion.
 */
static alf_status memo_put(machine *m, uint64_t index)
{
    value **v;
    TRY(top(m, 1, &v));
    if (index > m->at - m->begin)
        return error_at(m->b->err, ALF_E_LIMIT, m->start,
                        "the pickle wants memo entry %llu after only %zu bytes",
                        (unsigned long long)index, m->at - m->begin);
    void *memo = m->memo;
    TRY(grow(m, &memo, &m->memo_capacity, (size_t)index + 1, sizeof(value *)));
    m->memo = memo;
    m->memo_count += m->memo[index] == NULL;
    m->memo[index] = *v;
    return ALF_OK;
}

static alf_status memo_get(machine *m, uint64_t index)
{
    if (index >= m->memo_capacity || m->memo[index] == NULL)
        return error_at(m->b->err, ALF_E_FORMAT, m->start,
                        "the pickle reads memo entry %llu, which was never set",
                        (unsigned long long)index);
    return push(m, m->memo[index]);
}

/* ------------------------------------------------------------------ protocol and refusals */

static alf_status op_proto(machine *m)
{
    uint64_t version;
    TRY(take_number(m, 1, &version));
    if (version <= 5)
        return ALF_OK;
    return error_at(m->b->err, ALF_E_UNSUPPORTED, m->start,
                    "a pickle of protocol %llu; 0 to 5 are read", (unsigned long long)version);
}

/* Frames only group reads; array bytes of joblib lie between them. */
static alf_status op_frame(machine *m)
{
    uint64_t size;
    return take_number(m, 8, &size);
}

static alf_status op_stop(machine *m)
{
    value **v;
    TRY(top(m, 1, &v));
    m->stopped = true;
    return ALF_OK;
}

static alf_status op_refuse(machine *m)
{
    return error_at(m->b->err, ALF_E_REFUSED, m->start,
                    "the pickle needs something outside itself (opcode 0x%02X: persistent ids, "
                    "registered extensions and out-of-band buffers are not read)",
                    m->opcode);
}

/* ------------------------------------------------------------------ constants and numbers */

static alf_status op_constant(machine *m)
{
    value *v;
    if (m->opcode == 'N')
        TRY(builder_new(m->b, VALUE_NONE, m->start, &v));
    else
        TRY(builder_bool(m->b, m->opcode == 0x88, m->start, &v));
    return push(m, v);
}

static alf_status op_binary_int(machine *m)
{
    size_t size = m->opcode == 'J' ? 4 : m->opcode == 'K' ? 1 : 2;
    uint64_t x;
    TRY(take_number(m, size, &x));
    value *v;
    TRY(builder_int(m->b, size == 4 ? (int32_t)(uint32_t)x : (int64_t)x, m->start, &v));
    return push(m, v);
}

/* LONG1, LONG4: two's complement of any length. Beyond int64 the bytes are kept as they are. */
static alf_status op_binary_long(machine *m)
{
    alf_span s;
    if (m->opcode == 0x8A)
        TRY(take_counted(m, 1, &s));
    else
        TRY(take_signed_counted(m, &s));
    bool negative = s.size > 0 && ((unsigned char)s.data[s.size - 1] & 0x80) != 0;
    size_t size = s.size;
    char padding = negative ? (char)-1 : 0;
    while (size > 8 && s.data[size - 1] == padding)
        size--;
    uint64_t x = negative ? UINT64_MAX : 0;
    for (size_t i = size < 8 ? size : 8; i-- > 0;)
        x = x << 8 | (unsigned char)s.data[i];
    value *v;
    if (size > 8 || (x >> 63 != 0) != negative)
        TRY(builder_text(m->b, VALUE_BYTES, s, m->start, &v));
    else
        TRY(builder_int(m->b, (int64_t)x, m->start, &v));
    return push(m, v);
}

static alf_status op_binary_float(machine *m)
{
    alf_span s;
    TRY(take(m, 8, &s));
    uint64_t bits = 0;
    for (size_t i = 0; i < 8; i++)
        bits = bits << 8 | (unsigned char)s.data[i];
    double x;
    memcpy(&x, &bits, sizeof x);
    value *v;
    TRY(builder_real(m->b, x, m->start, &v));
    return push(m, v);
}

/* INT, LONG, FLOAT, STRING, UNICODE: one line of text. */
static alf_status op_text(machine *m)
{
    alf_span line;
    value *v;
    TRY(take_line(m, &line));
    switch (m->opcode) {
    case 'I':
        TRY(pickle_text_int(m->b, line, m->start, &v));
        break;
    case 'L':
        TRY(pickle_text_long(m->b, line, m->start, &v));
        break;
    case 'F':
        TRY(pickle_text_float(m->b, line, m->start, &v));
        break;
    case 'S':
        TRY(pickle_text_string(m->b, line, m->start, &v));
        break;
    default:
        TRY(pickle_text_unicode(m->b, line, m->start, &v));
    }
    return push(m, v);
}

/* ------------------------------------------------------------------ strings and bytes */

/* BINUNICODE, SHORT_BINUNICODE, BINUNICODE8 */
static alf_status op_unicode(machine *m)
{
    alf_span s;
    TRY(take_counted(m, m->opcode == 'X' ? 4 : m->opcode == 0x8C ? 1 : 8, &s));
    if (!unicode_is_valid(s))
        return damaged(m, "holds text that is not valid UTF-8");
    value *v;
    TRY(builder_text(m->b, VALUE_STRING, s, m->start, &v));
    return push(m, v);
}

/* BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8 */
static alf_status op_bytes(machine *m)
{
    alf_span s;
    TRY(take_counted(m, m->opcode == 'B' ? 4 : m->opcode == 'C' ? 1 : 8, &s));
    value *v;
    TRY(builder_text(m->b, VALUE_BYTES, s, m->start, &v));
    return push(m, v);
}

/* BINSTRING, SHORT_BINSTRING: Python 2's str */
static alf_status op_old_string(machine *m)
{
    alf_span s;
    if (m->opcode == 'U')
        TRY(take_counted(m, 1, &s));
    else
        TRY(take_signed_counted(m, &s));
    value *v;
    TRY(pickle_old_string(m->b, s, m->start, &v));
    return push(m, v);
}

/* ------------------------------------------------------------------ stack */

static alf_status op_mark(machine *m)
{
    void *marks = m->marks;
    TRY(grow(m, &marks, &m->mark_capacity, m->mark_count + 1, sizeof *m->marks));
    m->marks = marks;
    m->marks[m->mark_count++] = m->count;
    return ALF_OK;
}

static alf_status op_pop(machine *m)
{
    value **v;
    if (m->mark_count > 0 && floor_of(m) == m->count) {
        m->mark_count--;
        return ALF_OK;
    }
    TRY(top(m, 1, &v));
    m->count--;
    return ALF_OK;
}

static alf_status op_pop_mark(machine *m)
{
    value **items;
    size_t count;
    return pop_mark(m, &items, &count);
}

static alf_status op_dup(machine *m)
{
    value **v;
    TRY(top(m, 1, &v));
    return push(m, *v);
}

static alf_status op_get(machine *m)
{
    uint64_t index;
    alf_span line;
    if (m->opcode == 'g') {
        TRY(take_line(m, &line));
        TRY(pickle_text_index(m->b, line, m->start, &index));
    } else
        TRY(take_number(m, m->opcode == 'h' ? 1 : 4, &index));
    return memo_get(m, index);
}

static alf_status op_put(machine *m)
{
    uint64_t index = m->memo_count;
    alf_span line;
    if (m->opcode == 'p') {
        TRY(take_line(m, &line));
        TRY(pickle_text_index(m->b, line, m->start, &index));
    } else if (m->opcode != 0x94) /* MEMOIZE has no argument */
        TRY(take_number(m, m->opcode == 'q' ? 1 : 4, &index));
    return memo_put(m, index);
}

/* ------------------------------------------------------------------ containers */

static alf_status op_empty(machine *m)
{
    static const struct {
        unsigned char opcode;
        value_kind kind;
    } kinds[] = {{']', VALUE_LIST}, {')', VALUE_TUPLE}, {'}', VALUE_DICT}, {0x8F, VALUE_SET}};
    size_t i = 0;
    while (kinds[i].opcode != m->opcode)
        i++;
    value *v;
    TRY(builder_new(m->b, kinds[i].kind, m->start, &v));
    return push(m, v);
}

/* LIST, TUPLE, FROZENSET, DICT: what lies above the mark. */
static alf_status op_collect(machine *m)
{
    value **items;
    size_t count;
    value *v;
    TRY(pop_mark(m, &items, &count));
    if (m->opcode == 'd') {
        TRY(builder_new(m->b, VALUE_DICT, m->start, &v));
        TRY(reduce_set_items(m->b, v, items, count, m->start));
    } else {
        value_kind kind = m->opcode == 'l'   ? VALUE_LIST
                          : m->opcode == 't' ? VALUE_TUPLE
                                             : VALUE_SET;
        TRY(builder_items(m->b, kind, items, count, m->start, &v));
    }
    return push(m, v);
}

/* TUPLE1, TUPLE2, TUPLE3 */
static alf_status op_small_tuple(machine *m)
{
    size_t n = (size_t)(m->opcode - 0x84);
    value **items;
    value *v;
    TRY(top(m, n, &items));
    TRY(builder_items(m->b, VALUE_TUPLE, items, n, m->start, &v));
    return replace(m, n, v);
}

/* APPEND, SETITEM: to what lies below the operands. */
static alf_status op_add_one(machine *m)
{
    size_t n = m->opcode == 'a' ? 1 : 2;
    value **items;
    TRY(top(m, n + 1, &items));
    if (n == 1)
        TRY(reduce_append(m->b, items[0], items + 1, 1, m->start));
    else
        TRY(reduce_set_items(m->b, items[0], items + 1, 2, m->start));
    m->count -= n;
    return ALF_OK;
}

/* APPENDS, ADDITEMS, SETITEMS: to what lies below the mark. */
static alf_status op_add_many(machine *m)
{
    value **items;
    size_t count;
    value **target;
    TRY(pop_mark(m, &items, &count));
    TRY(top(m, 1, &target));
    if (m->opcode == 'u')
        return reduce_set_items(m->b, *target, items, count, m->start);
    return reduce_append(m->b, *target, items, count, m->start);
}

/* ------------------------------------------------------------------ classes and objects */

static alf_status take_global(machine *m, value **out)
{
    alf_span module;
    alf_span name;
    TRY(take_line(m, &module));
    TRY(take_line(m, &name));
    return reduce_global(m->b, module, name, m->start, out);
}

static alf_status op_global(machine *m)
{
    value *v;
    TRY(take_global(m, &v));
    return push(m, v);
}

static alf_status op_stack_global(machine *m)
{
    value **names;
    value *v;
    TRY(top(m, 2, &names));
    if (names[0]->kind != VALUE_STRING || names[1]->kind != VALUE_STRING)
        return damaged(m, "names a class by something that is not text");
    TRY(reduce_global(m->b, names[0]->as.text, names[1]->as.text, m->start, &v));
    return replace(m, 2, v);
}

/* REDUCE and NEWOBJ: class and arguments are the two topmost. */
static alf_status op_call(machine *m)
{
    value **items;
    value *v;
    TRY(top(m, 2, &items));
    TRY(reduce_call(m->b, items[0], items[1], m->start, &v));
    return replace(m, 2, v);
}

/* NEWOBJ_EX: named arguments, where there are any, become a last argument. */
static alf_status op_newobj_ex(machine *m)
{
    value **items;
    value *v;
    TRY(top(m, 3, &items));
    value *arguments = items[1];
    if (arguments->kind != VALUE_TUPLE || items[2]->kind != VALUE_DICT)
        return damaged(m, "gives a class arguments that are not a tuple and a dict");
    if (items[2]->as.dict.count > 0) {
        TRY(builder_items(m->b, VALUE_TUPLE, arguments->as.list.items, arguments->as.list.count,
                          m->start, &arguments));
        TRY(builder_extend(m->b, arguments, &items[2], 1));
    }
    TRY(reduce_call(m->b, items[0], arguments, m->start, &v));
    return replace(m, 3, v);
}

/* INST names its class in the stream, OBJ has it above the mark; arguments follow. */
static alf_status op_instance(machine *m)
{
    value *class_ = NULL;
    value **items;
    size_t count;
    value *v;
    if (m->opcode == 'i')
        TRY(take_global(m, &class_));
    TRY(pop_mark(m, &items, &count));
    if (class_ == NULL) {
        if (count == 0)
            return damaged(m, "makes an object of no class");
        class_ = *items++;
        count--;
    }
    value *arguments;
    TRY(builder_items(m->b, VALUE_TUPLE, items, count, m->start, &arguments));
    TRY(reduce_call(m->b, class_, arguments, m->start, &v));
    return push(m, v);
}

static bool is_wrapper(const value *v)
{
    if (v->kind != VALUE_OBJECT)
        return false;
    uint32_t role = builder_tag(v->as.object.class_);
    return role == ROLE_ARRAY_WRAPPER || role == ROLE_FILE_WRAPPER || role == ROLE_ZFILE_WRAPPER;
}

static alf_status op_build(machine *m)
{
    value **items;
    TRY(top(m, 2, &items));
    value *target = items[0];
    TRY(reduce_build(m->b, target, items[1], m->start));
    m->count--;
    if (m->hook == NULL || !is_wrapper(target))
        return ALF_OK;
    value *array;
    TRY(m->hook->splice(m->hook->context, m->b, m->bytes, &m->at, target, &array));
    m->stack[m->count - 1] = array; /* the memo keeps the wrapper, as joblib does */
    return ALF_OK;
}

/* ------------------------------------------------------------------ the loop */

static operation *const operations[256] = {
    ['('] = op_mark,         ['.'] = op_stop,         ['0'] = op_pop,
    ['1'] = op_pop_mark,     ['2'] = op_dup,          ['F'] = op_text,
    ['I'] = op_text,         ['J'] = op_binary_int,   ['K'] = op_binary_int,
    ['L'] = op_text,         ['M'] = op_binary_int,   ['N'] = op_constant,
    ['P'] = op_refuse,       ['Q'] = op_refuse,       ['R'] = op_call,
    ['S'] = op_text,         ['T'] = op_old_string,   ['U'] = op_old_string,
    ['V'] = op_text,         ['X'] = op_unicode,      ['a'] = op_add_one,
    ['b'] = op_build,        ['c'] = op_global,       ['d'] = op_collect,
    ['}'] = op_empty,        ['e'] = op_add_many,     ['g'] = op_get,
    ['h'] = op_get,          ['i'] = op_instance,     ['j'] = op_get,
    ['l'] = op_collect,      [']'] = op_empty,        ['o'] = op_instance,
    ['p'] = op_put,          ['q'] = op_put,          ['r'] = op_put,
    ['s'] = op_add_one,      ['t'] = op_collect,      [')'] = op_empty,
    ['u'] = op_add_many,     ['G'] = op_binary_float, ['B'] = op_bytes,
    ['C'] = op_bytes,        [0x80] = op_proto,       [0x81] = op_call,
    [0x82] = op_refuse,      [0x83] = op_refuse,      [0x84] = op_refuse,
    [0x85] = op_small_tuple, [0x86] = op_small_tuple, [0x87] = op_small_tuple,
    [0x88] = op_constant,    [0x89] = op_constant,    [0x8A] = op_binary_long,
    [0x8B] = op_binary_long, [0x8C] = op_unicode,     [0x8D] = op_unicode,
    [0x8E] = op_bytes,       [0x8F] = op_empty,       [0x90] = op_add_many,
    [0x91] = op_collect,     [0x92] = op_newobj_ex,   [0x93] = op_stack_global,
    [0x94] = op_put,         [0x95] = op_frame,       [0x96] = op_bytes,
    [0x97] = op_refuse,      [0x98] = op_refuse,
};

static alf_status run(machine *m)
{
    while (!m->stopped) {
        m->start = m->at;
        alf_span s;
        if (m->at == m->bytes.size)
            return error_at(m->b->err, ALF_E_FORMAT, m->start,
                            "the pickle is cut short: it ends without STOP");
        TRY(take(m, 1, &s));
        m->opcode = (unsigned char)s.data[0];
        operation *perform = operations[m->opcode];
        if (perform == NULL)
            return damaged(m, "has an unknown opcode; this is not a pickle or a damaged one");
        TRY(perform(m));
    }
    return ALF_OK;
}

alf_status pickle_read(builder *b, alf_span bytes, size_t *at, const pickle_hook *hook, value **out)
{
    machine m = {.b = b, .bytes = bytes, .at = *at, .begin = *at, .hook = hook};
    alf_status status = run(&m);
    if (status == ALF_OK) {
        *out = m.stack[m.count - 1];
        *at = m.at;
    }
    mem_free(m.stack);
    mem_free(m.marks);
    mem_free(m.memo);
    b->heap -= m.capacity * sizeof(value *) + m.mark_capacity * sizeof *m.marks +
               m.memo_capacity * sizeof(value *);
    return status;
}
