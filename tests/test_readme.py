"The README's numbers are those of the committed run files."
import re
from pathlib import Path

from gasca.machine.runs import Runs
from gasca.results import accuracy

ROOT = Path(__file__).parent.parent
QUICK, STANDARD = (Runs.of(ROOT/'reports'/preset) for preset in ('quick', 'standard'))
ROWS = {'| CNN₂ₐ':'cnn2a', '| CNN₁':'cnn1', 'without turning':'still', 'LSUV':'lsuv',
        'batch normalisation |':'random-bn', 'weights (He)':'random', 'small plain CNN':'small',
        '| ResNet-34 |':'resnet34'}

def readme(): return (ROOT/'README.md').read_text(encoding='utf-8')

def micro(runs, model):
    "Accuracy by image and by person, means over seeds; none where it was not run."
    tests = [f'{model}_{split}' for split in ('image', 'person') if f'{model}_image' in runs]
    shares = [accuracy(runs, test).share.xs('micro', level='row') for test in tests]
    return [f'{share.mean():.2f}' for share in shares]

def test_accuracies_are_those_of_the_runs():
    for row, model in ROWS.items():
        line = next(s for s in readme().splitlines() if s.startswith('|') and row in s)
        expected = micro(STANDARD, model)
        if model!='resnet34': expected = micro(QUICK, model)+expected
        assert re.findall(r'\d+\.\d+', line)==expected, line

def bullet(start):
    "One of the README's findings."
    return next(s for s in readme().splitlines() if s.startswith('- **'+start))

def test_errors_at_60_degrees():
    run = QUICK.first('recon').result
    for model in ('gasca1', 'gasca2'):
        for what in ('model', 'light_face', 'identity'):
            mean = sum(run[model]['by_yaw'][yaw][what] for yaw in ('-60', '60'))/2
            assert f'{mean:.3f}' in bullet('Faces turn'), (model, what)

def test_ratios():
    run = QUICK.first('recon').result
    def far(stack): return sum(run[stack]['by_yaw'][y]['model'] for y in ('-60', '-45', '45', '60'))
    def mean(stack): return run[stack]['mean']['model']
    best = min(far(stack) for stack in ('gasca2-conv', 'gasca2-conv5'))
    told = bullet('ConvMLP')
    assert f"{far('gasca2')/best:.2f}" in told
    assert f"{mean('gasca2')/mean('gasca2-untuned'):.2f}" in told
    assert f"({mean('gasca2')/mean('gasca2-alone'):.3f})" in told

def test_codes():
    said = QUICK.first('probes').result
    z, pixels = said['gasca2, layer 4'], said['pixels']
    told = bullet('The code forgets')
    for share in (z, pixels):
        for name in ('yaw', 'light', 'person'): assert f"{100*share['share_pie'][name]:.0f}" in told
    assert 1.5<z['nearest']['person']/pixels['nearest']['person']<2.5 # twice as often
    told = bullet('It forgets the emotion')
    assert f"{z['right']['image']:.0f} %" in told and f"{pixels['right']['image']:.0f} %" in told

def test_points_behind():
    def gap(runs, model):
        both = zip(micro(runs, model), micro(runs, 'cnn2a'))
        return [float(a)-float(b) for a, b in both]
    told = bullet('The headline fails')
    for runs, model in ((STANDARD, 'resnet34'), (QUICK, 'small')):
        by_image, by_person = gap(runs, model)
        assert f'{by_image:.0f}' in told and f'{by_person:.0f}' in told, model

def test_links_lead_somewhere():
    for page in ('README.md', 'CONTRIBUTING.md', 'nbs/index.ipynb'):
        text = re.sub(r'`[^`]*`', '', (ROOT/page).read_text(encoding='utf-8'))
        for target in re.findall(r'\]\((?!http)([^)#\s]+)', text):
            assert ((ROOT/page).parent/target).exists(), (page, target)
