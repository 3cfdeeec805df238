"""How notebooks and package read, in numbers: python tools/counters.py [FOLDER OF A CLONE]

Of an exported cell that defines public names, the next three code cells count. It is shown if one
of them uses a name of it or leaves a value or a picture; asserted if one of them holds a test
(assert, test_eq, test_fail, ...); every name used if each of its names stands in them. Tokens are
those of Python's tokenize without comments, line ends and indentation; a code line is neither
empty nor a comment; lines of a module are all that its file has.
"""
import ast
import io
import json
import re
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[1]
SKIP = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
        tokenize.ENCODING, tokenize.ENDMARKER}
TESTS = re.compile(r'\b(?:assert|test_\w+)\b')

def tokens(source):
    "List (line, text) of the tokens that are code."
    read = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(t.start[0], t.string) for t in read if t.type not in SKIP]

def code_lines(source):
    "Count the lines that are neither empty nor a comment."
    lines = [line.strip() for line in source.splitlines()]
    return sum(bool(line) and not line.startswith('#') for line in lines)

def cells(f):
    "List a notebook's code cells as (source, outputs)."
    nb = json.loads(f.read_text(encoding='utf-8'))
    found = [(''.join(c['source']), c['outputs']) for c in nb['cells'] if c['cell_type']=='code']
    return [(source, outputs) for source, outputs in found if source.strip()]

def names_of(source):
    "Name what an exported cell defines for others."
    names = []
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)): names.append(node.name)
        if isinstance(node, ast.Assign):
            names += [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return [name for name in names if not name.startswith('_')]

def is_shown(outputs):
    return any(o['output_type'] in ('execute_result', 'display_data', 'stream') for o in outputs)

def exported(f):
    "For each exported cell of a notebook: is it shown, asserted, is every name used?"
    found, all_cells = [], cells(f)
    for i, (source, _) in enumerate(all_cells):
        if not re.search(r'^#\| export', source, re.M): continue
        names, after = names_of(source), all_cells[i+1:i+4]
        if not names: continue
        text = '\n'.join(s for s, _ in after)
        used = [bool(re.search(rf'\b{name}\b', text)) for name in names]
        shown = any(used) or any(is_shown(outputs) for _, outputs in after)
        found.append((shown, bool(TESTS.search(text)), all(used)))
    return found

def joins(source):
    "Count the semicolons that join statements; one that ends a line only hides a value."
    code = tokens(source)
    following = [line for line, _ in code[1:]]+[0]
    return sum(text==';' and line==then for (line, text), then in zip(code, following))

def wide(source): return sum(len(line)>100 for line in source.splitlines())

def public(source):
    "List the public names that a module defines, not those that it only passes on."
    return [name for name in names_of(source) if not name.startswith('_')]

def two_meanings(modules):
    "List the public names that more than one module defines."
    where = {}
    for module, source in modules.items():
        for name in public(source): where.setdefault(name, set()).add(module)
    return sorted(name for name, found in where.items() if len(found)>1)

def words(f): return len(f.read_text(encoding='utf-8').split())

def measure(root=ROOT):
    "Return (what, value, what is wanted) for the whole project."
    notebooks = [f for f in (root/'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in f.parts]
    modules = {'.'.join(f.relative_to(root/'gasca').with_suffix('').parts):
               f.read_text(encoding='utf-8')
               for f in (root/'gasca').rglob('*.py') if f.name!='_modidx.py'}
    rows = [row for f in notebooks for row in exported(f)]
    shares = [f'{100*sum(column)/len(rows):.0f}' for column in zip(*rows)]
    sources = [re.sub(r'^[%!].*', '', s, flags=re.M) for f in notebooks for s, _ in cells(f)]
    kept = [s for f in notebooks for s, _ in cells(f) if re.search(r'^#\| export', s, re.M)]
    tests = [f.read_text(encoding='utf-8') for f in (root/'tests').rglob('*.py')]
    total = sum(len(tokens(source)) for source in modules.values())
    lines = {name:len(source.splitlines()) for name, source in modules.items()}
    own = {name:source for name, source in modules.items() if not name.endswith('__init__')}
    return [
        ('exported cells', len(rows), ''),
        ('shown / asserted / every name used, %', ' / '.join(shares), '>= 95 / 85 / 60'),
        ('; joins, notebooks and tests', sum(map(joins, sources+tests)), '0'),
        ('lines > 100 columns, notebooks and tests', sum(map(wide, sources+tests)), '0'),
        ('tokens a code line, package', f'{total/sum(map(code_lines, modules.values())):.1f}',
         '<= 11.5'),
        ('tokens, whole package', total, '<= 72000'),
        ('modules > 350 lines', [f'{m} {n}' for m, n in lines.items() if n>350], '[]'),
        ('exported cells > 40 lines', sum(s.count('\n')>=41 for s in kept), '0'),
        ('public names with two meanings', two_meanings(own), '[]'),
        ('docstrings that begin with "Say"', sum(s.count('    "Say ') for s in modules.values()),
         '0'),
        ('words, README', words(root/'README.md'), '<= 800'),
        ('words, front page of the report', words(root/'reports/README.md'), '<= 1500')]

def main():
    folder = Path(sys.argv[1]) if len(sys.argv)>1 else ROOT
    for what, value, wanted in measure(folder): print(f'{what:42}{value!s:>24}  {wanted}')

if __name__=='__main__': main()
