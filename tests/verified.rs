//! What compile.c makes of the standard library is verified: none of it keeps the lane from trusting bytes.

use bctrace::parts::object::{MarshalledCode, Object};
use bctrace::parts::verify::{Facts, is_verified};
use bctrace::parts::{Layout, marshal};

use crate::running::{bctrace, read, run};

/// Writes the code objects of all modules of the library, one marshalled list.
const COMPILE: &str = "
import marshal, os, sys
codes = []
for folder, _, files in os.walk(os.path.dirname(os.__file__)):
    for name in files:
        if name.endswith('.py'):
            path = os.path.join(folder, name)
            try:
                codes.append(compile(open(path).read(), path, 'exec', 0, 1))
            except SyntaxError:
                pass
marshal.dump(codes, open(sys.argv[1], 'wb'))
";

/// The list of the code objects of all modules of the library.
pub fn library() -> Object {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("codes");
    run(bctrace(["python", "-s", "-c", COMPILE]).arg(&file)).succeeded();
    marshal::read(&read(&file)).unwrap().0
}

#[test]
fn all_code_of_the_standard_library_is_verified() {
    let codes = library();
    let (mut count, mut refused) = (0, Vec::new());
    for_each_code(&codes, &mut |code| {
        count += 1;
        if !is_verified(&code.bytes, &Layout::new(&code.bytes), &Facts::of(code)) {
            let name = |bytes| String::from_utf8_lossy(bytes).into_owned();
            refused.push(format!("{}:{} {}", name(&code.filename), code.first_line, name(&code.name)));
        }
    });
    assert!(count > 10_000, "{count} code objects");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

fn for_each_code(object: &Object, call: &mut impl FnMut(&MarshalledCode)) {
    match object {
        Object::Code(code) => {
            call(code);
            code.constants.iter().for_each(|constant| for_each_code(constant, call));
        }
        Object::Tuple(items) | Object::List(items) => items.iter().for_each(|item| for_each_code(item, call)),
        _ => {}
    }
}
