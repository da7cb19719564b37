/*
 * Calls and states of a pickle as data. Only values made by the same builder come in here, so the
 * tag of every VALUE_GLOBAL is its role in the allow list.
 */
#include "codec/reduce.h"

#include "base/unicode.h"
#include "codec/globals.h"
#include "codec/numpy.h"

alf_status reduce_global(builder *b, alf_span module, alf_span name, uint64_t offset, value **out)
{
    global_role role = global_find(module, name);
    if (role == ROLE_REFUSED)
        return error_at(b->err, ALF_E_REFUSED, offset,
                        "the file names %.*s.%.*s, which is not among the classes models are read "
                        "from; it was not loaded and nothing was called; use only files from a "
                        "source you trust",
                        span_width(module), module.data, span_width(name), name.data);
    TRY(builder_new(b, VALUE_GLOBAL, offset, out));
    (*out)->as.global.module = module;
    (*out)->as.global.name = name;
    builder_set_tag(*out, (uint32_t)role);
    return ALF_OK;
}

static alf_status bad_arguments(builder *b, const value *callable, uint64_t offset)
{
    alf_span name = callable->as.global.name;
    return error_at(b->err, ALF_E_FORMAT, offset, "%.*s is given arguments it does not take",
                    span_width(name), name.data);
}

static bool is_container(const value *v)
{
    return v->kind == VALUE_LIST || v->kind == VALUE_TUPLE || v->kind == VALUE_SET;
}

/* ------------------------------------------------------------------ plain values */

/* list(), tuple(), set() of nothing or of another container. */
static alf_status call_container(builder *b, value_kind kind, value *callable, value *arguments,
                                 uint64_t offset, value **out)
{
    const value *from = value_item(arguments, 0);
    if (from == NULL)
        return builder_items(b, kind, NULL, 0, offset, out);
    if (!is_container(from))
        return bad_arguments(b, callable, offset);
    return builder_items(b, kind, from->as.list.items, from->as.list.count, offset, out);
}

/* dict() of nothing, of a dict or of pairs. */
static alf_status call_dict(builder *b, value *callable, value *arguments, uint64_t offset,
                            value **out)
{
    const value *from = value_item(arguments, 0);
    TRY(builder_new(b, VALUE_DICT, offset, out));
    if (from == NULL || from->kind == VALUE_NONE)
        return ALF_OK;
    if (from->kind == VALUE_DICT) {
        for (size_t i = 0; i < from->as.dict.count; i++) {
            value *pair[2] = {from->as.dict.pairs[i].key, from->as.dict.pairs[i].item};
            TRY(builder_set_items(b, *out, pair, 2));
        }
        return ALF_OK;
    }
    if (!is_container(from))
        return bad_arguments(b, callable, offset);
    for (size_t i = 0; i < from->as.list.count; i++) {
        const value *pair = from->as.list.items[i];
        if (!is_container(pair) || pair->as.list.count != 2)
            return bad_arguments(b, callable, offset);
        TRY(builder_set_items(b, *out, pair->as.list.items, 2));
    }
    return ALF_OK;
}

static bool is_latin1(const value *encoding)
{
    static const char *const names[] = {"latin1", "latin-1", "iso-8859-1", "iso8859-1"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (encoding != NULL && encoding->kind == VALUE_STRING &&
            span_is(encoding->as.text, names[i]))
            return true;
    return false;
}

/* The bytes that a str of code points below 256 stands for. */
static alf_status encode_latin1(builder *b, const value *callable, alf_span text, uint64_t offset,
                                value **out)
{
    void *memory;
    TRY(builder_alloc(b, text.size, 1, offset, &memory));
    char *bytes = memory;
    size_t size = 0;
    const char *end = text.data + text.size;
    for (const char *p = text.data; p < end;) {
        uint32_t c = unicode_next(&p, end);
        if (c > 0xFF)
            return bad_arguments(b, callable, offset);
        bytes[size++] = (char)(unsigned char)c;
    }
    return builder_text(b, VALUE_BYTES, span_of(bytes, size), offset, out);
}

/* bytes(), bytearray(), each of nothing, of bytes, or of a str with an encoding; and
 * _codecs.encode, which always has the latter. */
static alf_status call_bytes(builder *b, const value *callable, value *arguments, uint64_t offset,
                             value **out)
{
    const value *from = value_item(arguments, 0);
    if (from == NULL)
        return builder_text(b, VALUE_BYTES, SPAN_LITERAL(""), offset, out);
    const value *encoding = value_item(arguments, 1);
    if (is_latin1(encoding) && from->kind == VALUE_STRING)
        return encode_latin1(b, callable, from->as.text, offset, out);
    if (encoding != NULL || (from->kind != VALUE_BYTES && from->kind != VALUE_STRING))
        return bad_arguments(b, callable, offset);
    return builder_text(b, VALUE_BYTES, from->as.text, offset, out);
}

/* ------------------------------------------------------------------ objects */

/* copyreg._reconstructor(class, base, state): the state is None where the base is object; the
 * items of a base dict or list become the state, as with other protocols. */
static alf_status call_reconstructor(builder *b, value *callable, value *arguments, uint64_t offset,
                                     value **out)
{
    value *const *items = arguments->as.list.items;
    if (arguments->as.list.count != 3 || items[0]->kind != VALUE_GLOBAL)
        return bad_arguments(b, callable, offset);
    value *base = items[2];
    bool is_state = base->kind == VALUE_DICT || base->kind == VALUE_LIST;
    size_t count = is_state || base->kind == VALUE_NONE ? 0 : 1;
    value *rest;
    TRY(builder_items(b, VALUE_TUPLE, &base, count, offset, &rest));
    TRY(reduce_call(b, items[0], rest, offset, out));
    if (!is_state || (*out)->kind != VALUE_OBJECT)
        return ALF_OK;
    (*out)->as.object.state = base;
    return builder_nest(b, *out, base);
}

static alf_status call_newobj(builder *b, value *callable, value *arguments, uint64_t offset,
                              value **out)
{
    value *const *items = arguments->as.list.items;
    size_t count = arguments->as.list.count;
    if (count < 1 || items[0]->kind != VALUE_GLOBAL || builder_tag(items[0]) == ROLE_NEWOBJ ||
        builder_tag(items[0]) == ROLE_RECONSTRUCTOR)
        return bad_arguments(b, callable, offset);
    value *rest;
    TRY(builder_items(b, VALUE_TUPLE, items + 1, count - 1, offset, &rest));
    return reduce_call(b, items[0], rest, offset, out);
}

alf_status reduce_call(builder *b, value *callable, value *arguments, uint64_t offset, value **out)
{
    if (callable->kind != VALUE_GLOBAL)
        return error_at(b->err, ALF_E_FORMAT, offset,
                        "the pickle calls something that is not a class");
    if (arguments->kind != VALUE_TUPLE)
        return error_at(b->err, ALF_E_FORMAT, offset,
                        "the pickle gives a class arguments that are not a tuple");
    switch ((global_role)builder_tag(callable)) {
    case ROLE_SCALAR:
        return numpy_scalar(b, callable, arguments, offset, out);
    case ROLE_RECONSTRUCT:
        return numpy_reconstruct(b, arguments, offset, out);
    case ROLE_FROMBUFFER:
        return numpy_frombuffer(b, arguments, offset, out);
    case ROLE_ENCODE:
    case ROLE_BYTES:
        return call_bytes(b, callable, arguments, offset, out);
    case ROLE_DICT:
        return call_dict(b, callable, arguments, offset, out);
    case ROLE_DEFAULTDICT:
        return builder_new(b, VALUE_DICT, offset, out);
    case ROLE_LIST:
        return call_container(b, VALUE_LIST, callable, arguments, offset, out);
    case ROLE_TUPLE:
        return call_container(b, VALUE_TUPLE, callable, arguments, offset, out);
    case ROLE_SET:
        return call_container(b, VALUE_SET, callable, arguments, offset, out);
    case ROLE_RECONSTRUCTOR:
        return call_reconstructor(b, callable, arguments, offset, out);
    case ROLE_NEWOBJ:
        return call_newobj(b, callable, arguments, offset, out);
    default:
        return builder_object(b, callable, arguments, offset, out);
    }
}

/* ------------------------------------------------------------------ states and items */

/* The items of two dicts, the second after the first. */
static alf_status merge(builder *b, const value *first, const value *second, uint64_t offset,
                        value **out)
{
    TRY(builder_new(b, VALUE_DICT, offset, out));
    const value *both[2] = {first, second};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < both[k]->as.dict.count; i++) {
            value *pair[2] = {both[k]->as.dict.pairs[i].key, both[k]->as.dict.pairs[i].item};
            TRY(builder_set_items(b, *out, pair, 2));
        }
    return ALF_OK;
}

alf_status reduce_build(builder *b, value *target, value *state, uint64_t offset)
{
    switch (target->kind) {
    case VALUE_ARRAY:
        return numpy_set_state(b, target, state, offset);
    case VALUE_DICT: /* attributes of a class derived from dict: not part of its items */
    case VALUE_SET:
        return ALF_OK;
    case VALUE_OBJECT:
        break;
    default:
        return error_at(b->err, ALF_E_FORMAT, offset,
                        "the pickle gives a state to something that takes none");
    }
    value *old = target->as.object.state;
    if (old != NULL && (old->kind != VALUE_DICT || state->kind != VALUE_DICT))
        return error_at(b->err, ALF_E_UNSUPPORTED, offset,
                        "an object is given two states that do not go together");
    if (old != NULL)
        TRY(merge(b, old, state, offset, &state));
    TRY(builder_nest(b, target, state));
    target->as.object.state = state;
    return ALF_OK;
}

/* The container of an object that derives from list, set or dict: it becomes the state. */
static alf_status items_of(builder *b, value *target, value_kind kind, uint64_t offset, value **out)
{
    if (target->kind == kind || (target->kind == VALUE_SET && kind == VALUE_LIST)) {
        *out = target;
        return ALF_OK;
    }
    if (target->kind != VALUE_OBJECT)
        return error_at(b->err, ALF_E_FORMAT, offset,
                        "the pickle adds items to something that takes none");
    if (target->as.object.state == NULL)
        TRY(builder_new(b, kind, offset, &target->as.object.state));
    *out = target->as.object.state;
    if ((*out)->kind != kind)
        return error_at(b->err, ALF_E_UNSUPPORTED, offset,
                        "an object has both a state and items of another kind");
    return ALF_OK;
}

alf_status reduce_append(builder *b, value *target, value *const *items, size_t count,
                         uint64_t offset)
{
    value *list;
    TRY(items_of(b, target, VALUE_LIST, offset, &list));
    TRY(builder_extend(b, list, items, count));
    return list == target ? ALF_OK : builder_nest(b, target, list);
}

alf_status reduce_set_items(builder *b, value *target, value *const *items, size_t count,
                            uint64_t offset)
{
    value *dict;
    TRY(items_of(b, target, VALUE_DICT, offset, &dict));
    if (count % 2 != 0)
        return error_at(b->err, ALF_E_FORMAT, offset, "a dict is given a key without a value");
    TRY(builder_set_items(b, dict, items, count));
    return dict == target ? ALF_OK : builder_nest(b, target, dict);
}
