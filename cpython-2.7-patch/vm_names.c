/* Names of objects and what exceptions say; see "Objects" in vm.h. */
#include "vm_reading.h"
#include "code.h"

static void
say_bytes(struct vm_text *out, const char *text, size_t len)
{
    out->bytes = (const unsigned char *)text;
    out->len = len;
}

void
vm_say(struct vm_text *out, const char *text)
{
    size_t len = 0;

    while (text != NULL && len < VM_LONGEST_NAME) {
        size_t rest = rest_of_page(text + len), most = VM_LONGEST_NAME - len, part = rest < most ? rest : most, found;

        if (!can(text + len, 1))
            return;
        found = strnlen(text + len, part);
        len += found;
        if (found < part)
            break;
    }
    say_bytes(out, text, len);
}

/* A C string, without what is before its last dot. */
static void
say_behind_dot(struct vm_text *out, const char *text)
{
    const unsigned char *dot;

    vm_say(out, text);
    dot = memrchr(out->bytes, '.', out->len);
    if (dot != NULL)
        say_bytes(out, (const char *)dot + 1, out->bytes + out->len - dot - 1);
}

void
vm_say_str(struct vm_text *out, const PyObject *object)
{
    size_t len;

    if (!can(object, offsetof(PyStringObject, ob_sval)))
        return;
    if (Py_TYPE(object) != &PyString_Type && !is_of(object, Py_TPFLAGS_STRING_SUBCLASS))
        return;
    len = Py_SIZE(object) < 0 ? 0 : Py_SIZE(object);
    if (len > VM_LONGEST_NAME)
        len = VM_LONGEST_NAME;
    if (can(PyString_AS_STRING(object), len))
        say_bytes(out, PyString_AS_STRING(object), len);
}

void
vm_say_class(struct vm_text *out, const PyObject *object)
{
    struct vm_seen seen;

    vm_look(object, &seen);
    if (seen.kind == VM_TYPE || seen.kind == VM_STOP_ITERATION)
        vm_say(out, ((const PyTypeObject *)object)->tp_name);
    else if (seen.kind == VM_CLASS)
        vm_say_str(out, ((const PyClassObject *)object)->cl_name);
}

static int
is_class(const PyObject *object)
{
    struct vm_seen seen;

    vm_look(object, &seen);
    return seen.kind == VM_TYPE || seen.kind == VM_CLASS || seen.kind == VM_STOP_ITERATION;
}

/* The class that a method belongs to: that of its object, which may be a class itself. */
static void
say_class_of(struct vm_text *out, const PyObject *self)
{
    if (is_class(self))
        vm_say_class(out, self);
    else if (can(self, sizeof *self))
        vm_say_class(out, (const PyObject *)Py_TYPE(self));
}

int
vm_is_of_module(const PyCFunctionObject *function)
{
    struct vm_seen seen;

    vm_look(function->m_self, &seen);
    return function->m_module != NULL || seen.kind == VM_MISSING || seen.kind == VM_MODULE;
}

void
vm_say_method(struct vm_text *out, const PyMethodObject *method)
{
    struct vm_text unused;
    struct vm_seen function;

    vm_look(method->im_func, &function);
    /* A method of a method ends here, so that none of itself goes on for ever. */
    if (function.kind != VM_METHOD)
        vm_name(method->im_func, function.kind, &unused, out);
}

void
vm_say_builtin(struct vm_text *out, const PyCFunctionObject *function)
{
    if (can(function->m_ml, sizeof *function->m_ml))
        vm_say(out, function->m_ml->ml_name);
}

void
vm_say_descriptor(struct vm_text *out, const PyDescrObject *descriptor)
{
    if (can(descriptor, sizeof *descriptor))
        vm_say_str(out, descriptor->d_name);
}

void
vm_type_name(const struct _object *object, struct vm_text *out)
{
    struct vm_seen seen;

    vm_look(object, &seen);
    out->bytes = NULL;
    out->len = 0;
    if (seen.kind == VM_BAD || seen.kind == VM_MISSING)
        vm_say(out, seen.kind == VM_BAD ? "bad" : "NULL");
    else
        say_behind_dot(out, Py_TYPE(object)->tp_name);
}

void
vm_name(const struct _object *object, uint32_t kind, struct vm_text *owner, struct vm_text *name)
{
    owner->bytes = name->bytes = NULL;
    owner->len = name->len = 0;
    switch (kind) {
    case VM_FUNCTION:
        vm_say_str(name, ((const PyFunctionObject *)object)->func_name);
        break;
    case VM_METHOD: {
        const PyMethodObject *method = (const PyMethodObject *)object;

        vm_say_method(name, method);
        vm_say_class(owner, method->im_self != NULL && is_class(method->im_self) ? method->im_self : method->im_class);
        break;
    }
    case VM_BUILTIN: {
        const PyCFunctionObject *function = (const PyCFunctionObject *)object;

        vm_say_builtin(name, function);
        if (vm_is_of_module(function))
            vm_say_str(owner, function->m_module);
        else
            say_class_of(owner, function->m_self);
        break;
    }
    case VM_WRAPPER: {
        const struct wrapper *wrapper = (const struct wrapper *)object;

        vm_say_descriptor(name, (const PyDescrObject *)wrapper->descr);
        say_class_of(owner, wrapper->self);
        break;
    }
    case VM_DESCRIPTOR:
        vm_say_class(owner, (const PyObject *)((const PyDescrObject *)object)->d_type);
        vm_say_descriptor(name, (const PyDescrObject *)object);
        break;
    case VM_TYPE: case VM_STOP_ITERATION: case VM_CLASS:
        vm_say_class(name, object);
        break;
    case VM_INSTANCE:
        vm_say_class(name, (const PyObject *)((const PyInstanceObject *)object)->in_class);
        break;
    case VM_MODULE:
        vm_say_str(name, vm_item(((const struct module *)object)->md_dict, "__name__"));
        break;
    case VM_GENERATOR:
        object = ((const PyGenObject *)object)->gi_code;
        if (!can(object, sizeof(PyCodeObject)))
            break;
        /* fall through */
    case VM_CODE:
        vm_say_str(name, ((const PyCodeObject *)object)->co_name);
        break;
    case VM_MISSING: case VM_BAD:
        vm_type_name(object, name);
        break;
    default:
        say_behind_dot(name, Py_TYPE(object)->tp_name);
    }
}

/* -- Exceptions --------------------------------------------------------------------------------------------------------- */

void
vm_exception_name(const struct _object *type, struct vm_text *out)
{
    struct vm_seen seen;

    vm_say(out, "?");
    vm_look(type, &seen);
    if (seen.kind == VM_CLASS)
        vm_say_str(out, ((const PyClassObject *)type)->cl_name);
    else if (seen.kind == VM_TYPE || seen.kind == VM_STOP_ITERATION)
        say_behind_dot(out, ((const PyTypeObject *)type)->tp_name);
}

const struct _object *
vm_exception_message(const struct _object *value)
{
    const struct _object *const *items, *given = value;
    struct vm_seen args;

    if (value == NULL || value == Py_None)
        return NULL;
    if (is_of(value, Py_TPFLAGS_BASE_EXC_SUBCLASS)) {
        if (!has(value, sizeof(PyBaseExceptionObject)))
            return NULL;
        given = ((const PyBaseExceptionObject *)value)->args;
    } else if (!is_of(value, Py_TPFLAGS_TUPLE_SUBCLASS)) {
        return value;
    }
    /* A tuple is what the exception will be made with: PyErr_NormalizeException, Python/errors.c. */
    vm_look_at_part(given, &args);
    if (args.kind != VM_TUPLE || args.number == 0)
        return NULL;
    items = args.data;
    if (args.number > 1)
        return given;
    return can(items, sizeof *items) ? *items : NULL;
}
