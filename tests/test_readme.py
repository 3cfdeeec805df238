"The README's numbers are those of the committed run files."
import re
from pathlib import Path
from gasca.core import load_json
from gasca.metrics import micro

ROOT = Path(__file__).parent.parent
RUNS = ROOT/'reports'/'standard'/'runs'
ROWS = {'CNN₂ₐ (pose':'cnn2a', 'CNN₁ (pose':'cnn1', 'weights (He)':'random', 'weights (Algorithm 2)':'alg2', 'ResNet-34, 30':'resnet34'}

def seeds(name): # results of a run, one a seed
    found = [load_json(f)['result'] for f in sorted(RUNS.glob(f'{name}_seed*.json'))]
    assert len(found)==3, name
    return found

def test_numbers():
    text = (ROOT/'README.md').read_text(encoding='utf-8')
    for row,name in ROWS.items():
        line = next(l for l in text.splitlines() if l.startswith('|') and row in l)
        each = [[micro(r['confusion']) for r in seeds(f'{name}_{split}')] for split in ('image','person')]
        assert re.findall(r'\d+\.\d+', line)==[f'{x:.2f}' for v in each for x in (sum(v)/3, min(v), max(v))], line
    for model in ('gasca1','gasca2'):
        far = [r[model]['by_yaw'][y] for r in seeds('recon') for y in ('-60','60')]
        for k in ('model','mean_face','identity'): assert f'{sum(x[k] for x in far)/6:.3f}' in text, (model, k)
