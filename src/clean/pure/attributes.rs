//! The attributes of values of the builtin types: what `dir` lists in 2.7.18.

use super::Thing;
use crate::clean::value::Literal;

const INT: &str = "\
    __abs__ __add__ __and__ __cmp__ __coerce__ __div__ __divmod__ __float__ __floordiv__ __getnewargs__ __hex__ \
    __index__ __int__ __invert__ __long__ __lshift__ __mod__ __mul__ __neg__ __nonzero__ __oct__ __or__ __pos__ \
    __pow__ __radd__ __rand__ __rdiv__ __rdivmod__ __rfloordiv__ __rlshift__ __rmod__ __rmul__ __ror__ __rpow__ \
    __rrshift__ __rshift__ __rsub__ __rtruediv__ __rxor__ __sub__ __truediv__ __trunc__ __xor__ bit_length \
    conjugate denominator imag numerator real";
const FLOAT: &str = "\
    __abs__ __add__ __coerce__ __div__ __divmod__ __eq__ __float__ __floordiv__ __ge__ __getformat__ \
    __getnewargs__ __gt__ __int__ __le__ __long__ __lt__ __mod__ __mul__ __ne__ __neg__ __nonzero__ __pos__ \
    __pow__ __radd__ __rdiv__ __rdivmod__ __rfloordiv__ __rmod__ __rmul__ __rpow__ __rsub__ __rtruediv__ \
    __setformat__ __sub__ __truediv__ __trunc__ as_integer_ratio conjugate fromhex hex imag is_integer real";
const STR: &str = "\
    __add__ __contains__ __eq__ __ge__ __getitem__ __getnewargs__ __getslice__ __gt__ __le__ __len__ __lt__ \
    __mod__ __mul__ __ne__ __rmod__ __rmul__ _formatter_field_name_split _formatter_parser capitalize center count \
    decode encode endswith expandtabs find format index isalnum isalpha isdigit islower isspace istitle isupper \
    join ljust lower lstrip partition replace rfind rindex rjust rpartition rsplit rstrip split splitlines \
    startswith strip swapcase title translate upper zfill";
const UNICODE: &str = "\
    __add__ __contains__ __eq__ __ge__ __getitem__ __getnewargs__ __getslice__ __gt__ __le__ __len__ __lt__ \
    __mod__ __mul__ __ne__ __rmod__ __rmul__ _formatter_field_name_split _formatter_parser capitalize center count \
    decode encode endswith expandtabs find format index isalnum isalpha isdecimal isdigit islower isnumeric \
    isspace istitle isupper join ljust lower lstrip partition replace rfind rindex rjust rpartition rsplit rstrip \
    split splitlines startswith strip swapcase title translate upper zfill";
const TUPLE: &str = "\
    __add__ __contains__ __eq__ __ge__ __getitem__ __getnewargs__ __getslice__ __gt__ __iter__ __le__ __len__ \
    __lt__ __mul__ __ne__ __rmul__ count index";
const LIST: &str = "\
    __add__ __contains__ __delitem__ __delslice__ __eq__ __ge__ __getitem__ __getslice__ __gt__ __iadd__ __imul__ \
    __iter__ __le__ __len__ __lt__ __mul__ __ne__ __reversed__ __rmul__ __setitem__ __setslice__ append count \
    extend index insert pop remove reverse sort";
const OBJECT: &str = "\
    __class__ __delattr__ __doc__ __format__ __getattribute__ __hash__ __init__ __new__ __reduce__ __reduce_ex__ \
    __repr__ __setattr__ __sizeof__ __str__ __subclasshook__";

/// Returns whether a value has an attribute; None if that is not known.
pub fn has(of: &Thing, name: &[u8]) -> Option<bool> {
    let own = match of {
        Thing::Plain(Literal::None) => "",
        Thing::Plain(Literal::Int(_) | Literal::Bool(_)) => INT,
        Thing::Plain(Literal::Float(_)) => FLOAT,
        Thing::Plain(Literal::Str(_)) => STR,
        Thing::Plain(Literal::Unicode(_)) => UNICODE,
        Thing::Plain(Literal::Tuple(_)) => TUPLE,
        Thing::List(_) => LIST,
        _ => return None,
    };
    // A text that is no identifier is no attribute, but ' ' splits these.
    let name = std::str::from_utf8(name).ok()?;
    Some(OBJECT.split_whitespace().chain(own.split_whitespace()).any(|known| known == name))
}
