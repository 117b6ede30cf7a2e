"""What both packages hold: the program without its line tables, these in a file of their own, and the texts that go with them."""
import hashlib
import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / 'target' / 'packages'

# Crates whose sources are compiled into the program although only the build calls the crate.
COMPILED_IN = {'openssl-src'}


def output(*command, **options):
    """Runs a command and returns what it prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, **options).stdout


class Product:
    """The built program; `scratch` is a folder for its parts."""

    def __init__(self, scratch):
        self.scratch = pathlib.Path(scratch)
        self.executable, self.cpython = build()
        self.package = json.loads(output('cargo', 'metadata', '--no-deps', '--format-version=1', '--locked'))['packages'][0]
        self.version = self.package['version']
        self.machine = os.uname().machine
        self.epoch = epoch()

    def strip(self):
        """Returns the program without line tables and symbols, and the file that has them, which it names."""
        program, tables = self.scratch / 'bctrace', self.scratch / 'bctrace.debug'
        output('objcopy', '--only-keep-debug', '--compress-debug-sections', str(self.executable), str(tables))
        output('strip', '-o', str(program), str(self.executable))
        output('objcopy', f'--add-gnu-debuglink={tables}', str(program))
        program.chmod(0o755)
        tables.chmod(0o644)
        return program, tables

    def build_id(self):
        """Returns the hexadecimal build ID, under which debuggers look for line tables."""
        return re.search(r'Build ID: ([0-9a-f]+)', output('readelf', '--notes', str(self.executable))).group(1)

    def run(self, *arguments):
        """Runs the program and returns what it prints."""
        return output(str(self.executable), *arguments)

    def manual(self):
        """Returns the manual pages by the names of their files."""
        folder = self.scratch / 'manual'
        folder.mkdir()
        self.run('man', '-o', str(folder))
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    def licences(self):
        """Returns bctrace's own licence files."""
        return [ROOT / name for name in ('LICENSE-APACHE', 'LICENSE-MIT', 'LICENSE-PYTHON')]

    def notices(self):
        """Returns the licences of all that others have written and the program contains, each text once."""
        texts = {}
        for name, files in self.components():
            for path in files:
                text = path.read_text(encoding='utf-8', errors='replace').strip()
                key = hashlib.sha256(' '.join(text.split()).encode()).hexdigest()
                texts.setdefault(key, ([], text))[0].append(name)
        parts = ['bctrace contains the following components; each group is followed by its licence.']
        for names, text in sorted(texts.values()):
            parts.append('-' * 80 + '\n' + '\n'.join(sorted(set(names))) + '\n\n' + text)
        return '\n\n'.join(parts) + '\n'

    def components(self):
        """Returns each component's name and licence files."""
        yield 'CPython 2.7.18', [ROOT / 'LICENSE-PYTHON']
        yield 'libffi, from CPython 2.7.18', [self.cpython / 'Modules/_ctypes/libffi/LICENSE']
        sysroot = pathlib.Path(output('rustc', '--print', 'sysroot').strip())
        yield "Rust's standard library", sorted(sysroot.glob('share/doc/rust/licenses/MIT.txt'))
        yield 'expat, from CPython 2.7.18', [self.cpython / 'Modules/expat/COPYING']
        for package in linked_packages():
            folder = pathlib.Path(package['manifest_path']).parent
            yield f"{package['name']} {package['version']} ({package['license']})", licence_files(folder)


def build():
    """Builds the program; returns its path and the folder of the compiled CPython."""
    executable = cpython = None
    messages = output('cargo', 'build', '--release', '--locked', '--bin=bctrace', '--message-format=json-render-diagnostics')
    for message in map(json.loads, messages.splitlines()):
        if message['reason'] == 'build-script-executed':
            headers = dict(message['env']).get('BCTRACE_PYTHON_HEADERS')
            cpython = pathlib.Path(headers).parent if headers else cpython
        elif message['reason'] == 'compiler-artifact' and message['target']['name'] == 'bctrace' and message['executable']:
            executable = pathlib.Path(message['executable'])
    return executable, cpython


def epoch():
    """Returns the time that the packages bear, in seconds, so that equal builds give equal bytes: the commit's, else one that every
    archive can hold."""
    if 'SOURCE_DATE_EPOCH' in os.environ:
        return int(os.environ['SOURCE_DATE_EPOCH'])
    if (ROOT / '.git').exists():
        return int(output('git', 'log', '-1', '--format=%ct'))
    return 946684800


def linked_packages():
    """Returns cargo's description of each crate that is linked into the program."""
    target = re.search(r'^host: (.*)$', output('rustc', '-vV'), re.MULTILINE).group(1)
    metadata = json.loads(output('cargo', 'metadata', '--format-version=1', '--locked', '--filter-platform', target))
    packages = {package['id']: package for package in metadata['packages']}
    needed = {node['id']: node['deps'] for node in metadata['resolve']['nodes']}
    root = metadata['resolve']['root']
    found, unseen = set(), [root]
    while unseen:
        for dependency in needed[unseen.pop()]:
            package = packages[dependency['pkg']]
            is_linked = any(kind['kind'] is None for kind in dependency['dep_kinds']) or package['name'] in COMPILED_IN
            is_macro = any('proc-macro' in target['kind'] for target in package['targets'])
            if is_linked and not is_macro and package['id'] not in found:
                found.add(package['id'])
                unseen += [] if package['name'] in COMPILED_IN else [package['id']]
    return [packages[found] for found in sorted(found)]


def licence_files(folder):
    """Returns a crate's licence files, the MIT licence alone where one may choose it, and those of a C library in the crate."""
    named = re.compile(r'(un)?licen[cs]e\b.*|copying', re.IGNORECASE)
    found = [path for path in sorted(folder.rglob('*')) if named.fullmatch(path.name) and path.is_file()]
    own = [path for path in found if path.parent == folder]
    mit = [path for path in own if 'mit' in path.name.lower()]
    # zstd is under the GPL too, as COPYING, or under its LICENSE.
    of_library = [path for path in found if path.name.upper() == 'LICENSE' and path not in own]
    return (mit or own) + [path for path in of_library if len(path.relative_to(folder).parts) <= 3]
