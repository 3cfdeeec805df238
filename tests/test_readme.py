"The README's numbers are those of the committed run files."
import re
from pathlib import Path

from gasca.machine.runs import Runs
from gasca.results import accuracy

ROOT = Path(__file__).parent.parent
RUNS = Runs.of(ROOT/'reports'/'standard')
ROWS = {'CNN₂ₐ (pose':'cnn2a', 'CNN₁ (pose':'cnn1', 'weights (He)':'random',
        'weights (Algorithm 2)':'alg2', 'ResNet-34, 30':'resnet34'}

def readme(): return (ROOT/'README.md').read_text(encoding='utf-8')

def test_accuracies_are_those_of_three_seeds():
    for row, model in ROWS.items():
        line = next(s for s in readme().splitlines() if s.startswith('|') and row in s)
        expected = []
        for split in ('image', 'person'):
            micro = accuracy(RUNS, f'{model}_{split}').share.xs('micro', level='row')
            assert len(micro)==3, model
            expected += [micro.mean(), micro.min(), micro.max()]
        assert re.findall(r'\d+\.\d+', line)==[f'{x:.2f}' for x in expected], line

def test_errors_at_60_degrees_are_means_over_seeds():
    for model in ('gasca1', 'gasca2'):
        results = [run.result[model]['by_yaw'] for run in RUNS['recon'].values()]
        far = [by_yaw[yaw] for by_yaw in results for yaw in ('-60', '60')]
        for what in ('model', 'mean_face', 'identity'):
            mean = sum(row[what] for row in far)/len(far)
            assert f'{mean:.3f}' in readme(), (model, what)

def test_links_lead_somewhere():
    for page in ('README.md', 'CONTRIBUTING.md', 'nbs/index.ipynb'):
        text = re.sub(r'`[^`]*`', '', (ROOT/page).read_text(encoding='utf-8'))
        for target in re.findall(r'\]\((?!http)([^)#\s]+)', text):
            assert ((ROOT/page).parent/target).exists(), (page, target)
