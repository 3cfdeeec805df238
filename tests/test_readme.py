"The README's numbers are those of the committed run files."
import re
from pathlib import Path
from gasca.core import load_json
from gasca.metrics import micro

ROOT = Path(__file__).parent.parent
ROWS = {'CNN₂ₐ (pose':'cnn2a', 'CNN₁ (pose':'cnn1', 'weights (He)':'random', 'weights (Algorithm 2)':'alg2', 'ResNet-34, 5':'resnet34'}

def test_numbers():
    text,runs = (ROOT/'README.md').read_text(encoding='utf-8'),ROOT/'reports'/'quick'/'runs'
    for row,name in ROWS.items():
        line = next(l for l in text.splitlines() if l.startswith('|') and row in l)
        ours = [f"{micro(load_json(runs/f'{name}_{split}_seed0.json')['result']['confusion']):.2f}" for split in ('image','person')]
        assert re.findall(r'\d+\.\d+', line)==ours, line
    r = load_json(runs/'recon_seed0.json')['result']
    for model in ('gasca1','gasca2'):
        far = [r[model]['by_yaw'][y] for y in ('-60','60')]
        for k in ('model','mean_face','identity'): assert f'{sum(x[k] for x in far)/2:.3f}' in text, (model, k)
