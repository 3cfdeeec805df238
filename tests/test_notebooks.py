"Rules that keep the notebooks runnable by papermill on any machine, and readable on the web."
import json, re
from pathlib import Path
import pytest

ROOT = Path(__file__).parent.parent
NBS = sorted((ROOT/'nbs').glob('*.ipynb'))

@pytest.mark.parametrize('f', NBS, ids=lambda f: f.stem)
def test_notebook(f):
    nb = json.loads(f.read_text(encoding='utf-8')); text = f.read_text(encoding='utf-8')
    src = [''.join(c['source']) for c in nb['cells']]
    assert nb['metadata']['kernelspec']['name'] == 'python3'
    assert sum('parameters' in c['metadata'].get('tags', []) for c in nb['cells']) <= 1
    assert not any('nbdev_export(' in s for s in src), 'papermill would export the package again'
    md = [s for c,s in zip(nb['cells'], src) if c['cell_type']=='markdown']
    assert re.match(r'# .+\n\n> .+', md[0]), 'title and one-line summary come first'
    outs = [o for c in nb['cells'] for o in c.get('outputs', [])]
    assert not any(o['output_type']=='error' for o in outs)
    assert not any(o.get('name')=='stderr' and re.search(r'warning|%\|', ''.join(o['text']), re.I) for o in outs), 'a saved warning or progress bar'
    assert not re.search(r'"[^"\n]*(?<![\w.:/])/(?:home|root|tmp|work|Users)/', text), 'an absolute path'
    assert f.stat().st_size < 600_000

def test_package_holds_what_notebooks_export():
    exported = {m for f in NBS for m in re.findall(r'#\| default_exp (\w+)', f.read_text(encoding='utf-8'))}
    assert exported == {f.stem for f in (ROOT/'gasca').glob('*.py')} - {'__init__','_modidx'}
