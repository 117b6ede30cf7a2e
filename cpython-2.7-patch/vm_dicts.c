/* Dicts and sets: their entries, without a call of the VM; see "Objects" in vm.h. */
#include "vm_reading.h"

/* As string_hash in Objects/stringobject.c. */
static long
hash_of(const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;
    size_t len = strlen(text);
    unsigned long hash = _Py_HashSecret.prefix;

    hash ^= (unsigned long)*byte << 7;
    for (size_t at = 0; at < len; at++)
        hash = (1000003 * hash) ^ byte[at];
    hash ^= len;
    hash ^= _Py_HashSecret.suffix;
    return (long)hash == -1 ? -2 : (long)hash;
}

static int
is_str(const PyObject *object, const char *text)
{
    size_t len = strlen(text);

    return can(object, sizeof(PyStringObject)) && Py_TYPE(object) == &PyString_Type && Py_SIZE(object) == (Py_ssize_t)len &&
        can(PyString_AS_STRING(object), len) && memcmp(PyString_AS_STRING(object), text, len) == 0;
}

/* The probing is that of lookdict_string in Objects/dictobject.c. */
const PyObject *
vm_item(const PyObject *object, const char *key)
{
    const PyDictObject *dict = (const PyDictObject *)object;
    size_t at, mask, perturb;
    long hash = hash_of(key);

    if (object == NULL || !is_of(object, Py_TPFLAGS_DICT_SUBCLASS) || !has(object, sizeof *dict))
        return NULL;
    mask = (size_t)dict->ma_mask;
    at = perturb = (size_t)hash;
    for (int tries = 0; tries < 64; tries++) {
        const PyDictEntry *entry = &dict->ma_table[at & mask];

        if (!can(entry, sizeof *entry) || entry->me_key == NULL)
            return NULL;
        if (entry->me_hash == hash && is_str(entry->me_key, key))
            return entry->me_value;
        at = (at << 2) + at + perturb + 1;
        perturb >>= 5;
    }
    return NULL;
}

/* What stands in a set's table for a member that is gone: private to Objects/setobject.c. */
static const PyObject *dummy;

/* The first entry of a dict at or behind *position that is in use; NULL with *position beyond `end` or the table, or where it is not
 * there: then *position is -1. */
static const PyDictEntry *
next_in_dict(const PyDictObject *dict, ptrdiff_t *position, ptrdiff_t end)
{
    for (; *position <= dict->ma_mask && *position < end; ++*position) {
        const PyDictEntry *entry = &dict->ma_table[*position];

        if (!can(entry, sizeof *entry)) {
            *position = -1;
            return NULL;
        }
        if (entry->me_value != NULL)
            return entry;
    }
    return NULL;
}

static const setentry *
next_in_set(const PySetObject *set, ptrdiff_t *position, ptrdiff_t end)
{
    for (; *position <= set->mask && *position < end; ++*position) {
        const setentry *entry = &set->table[*position];

        if (!can(entry, sizeof *entry)) {
            *position = -1;
            return NULL;
        }
        if (entry->key != NULL && entry->key != dummy)
            return entry;
    }
    return NULL;
}

ptrdiff_t
vm_entries(const struct _object *object, ptrdiff_t *position, ptrdiff_t end, struct vm_entry *out, ptrdiff_t most)
{
    ptrdiff_t count = 0;

    for (; count < most; count++, ++*position) {
        if (Py_TYPE(object) == &PyDict_Type) {
            const PyDictEntry *entry = next_in_dict((const PyDictObject *)object, position, end);

            if (entry == NULL)
                break;
            out[count] = (struct vm_entry){ entry->me_key, entry->me_value };
        } else {
            const setentry *entry = next_in_set((const PySetObject *)object, position, end);

            if (entry == NULL)
                break;
            out[count] = (struct vm_entry){ entry->key, NULL };
        }
    }
    return *position < 0 ? -1 : count;
}

/* How a dict of strs looks them up: lookdict_string of Objects/dictobject.c, which is private. */
static PyDictEntry *(*str_lookup)(PyDictObject *, PyObject *, long);

int
vm_has_str_keys(const struct _object *dict)
{
    return ((const PyDictObject *)dict)->ma_lookup == str_lookup;
}

static int
is_hashed_by_address(const PyObject *key, int depth)
{
    const struct _object *const *items;
    struct vm_seen seen;

    /* Most keys that are no strs are ints. */
    if (vm_glance(key).kind == VM_INT)
        return 0;
    vm_look(key, &seen);
    switch (seen.kind) {
    case VM_FALSE: case VM_TRUE: case VM_INT: case VM_LONG: case VM_FLOAT: case VM_COMPLEX: case VM_STR: case VM_UNICODE:
        return 0;
    case VM_TUPLE:
        items = seen.data;
        for (size_t at = 0; at < seen.number; at++)
            if (depth == 0 || at == 16 || !can(&items[at], sizeof *items) || is_hashed_by_address(items[at], depth - 1))
                return 1;
        return 0;
    default:
        return 1;
    }
}

int
vm_is_hashed_by_address(const struct _object *key)
{
    return is_hashed_by_address(key, 3);
}

/* Learns what stands in the table of a set for a member that is gone. */
static void
know_dummy(void)
{
    PyObject *set = PySet_New(NULL);

    if (set != NULL && PySet_Add(set, Py_None) == 0 && PySet_Discard(set, Py_None) == 1) {
        const PySetObject *emptied = (const PySetObject *)set;

        for (Py_ssize_t at = 0; at <= emptied->mask; at++)
            if (emptied->table[at].key != NULL)
                dummy = emptied->table[at].key;
    }
    Py_XDECREF(set);
}

void
vm_prepare_dicts(void)
{
    know_dummy();
    str_lookup = ((const PyDictObject *)PyString_Type.tp_dict)->ma_lookup;
}
