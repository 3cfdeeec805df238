"The README's numbers are those of the committed run files."
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gasca.core import PRESETS
from gasca.paper import paper_steps
from gasca.report.compare import (all_doses, d_steps, dose_table, doublings, encoder_params, final,
                           head_starts, mean_ratio, metrics, points, recon, steps_of, values_text,
                           variants, why_table)
from gasca.report.results import accuracy
from gasca.runs import Runs

ROOT = Path(__file__).parent.parent
PUBLISHED = Runs.of(ROOT/'reports'/PRESETS['published'])
BESIDE = Runs.of(ROOT/'reports'/PRESETS['beside'])
ROWS = {'| CNN₂ₐ':'cnn2a', '| CNN₁':'cnn1', 'without turning':'still', 'LSUV':'lsuv',
        'batch normalisation |':'random-bn', 'weights (He)':'random', 'small plain CNN':'small',
        '| ResNet-34 |':'resnet34'}

def readme(): return (ROOT/'README.md').read_text(encoding='utf-8')

def right(model, runs=PUBLISHED):
    "Accuracy by image and by person, means over seeds; none where it was not run."
    tests = [f'{model}_{split}' for split in ('image', 'person') if f'{model}_image' in runs]
    return [accuracy(runs, test).share.xs('micro', level='row').mean() for test in tests]

def micro(model, runs): return [f'{share:.2f}' for share in right(model, runs)]

def interval(text):
    "The three numbers of '+1.0 points [-2.0 to +4.0]', one decimal each, without signs."
    return [f'{abs(float(x)):.1f}' for x in re.findall(r'[-+][\d.]+', text)]

def test_accuracies_are_those_of_the_runs():
    for row, model in ROWS.items():
        line = next(s for s in readme().splitlines() if s.startswith('|') and row in s)
        runs = BESIDE if '(*standard*)' in line else PUBLISHED
        told = micro(model, runs)+micro(f'{model}-long', PUBLISHED)
        assert re.findall(r'\d+\.\d+', line)==told, line

def bullet(start):
    "One of the README's findings."
    return next(s for s in readme().splitlines() if s.startswith('- **'+start))

def mean(of, runs=PUBLISHED): # A number of every seed's recon run
    return sum(of(run.result) for run in runs['recon'].values())/len(runs['recon'])

@pytest.mark.parametrize('model', ['gasca1', 'gasca2'])
@pytest.mark.parametrize('what', ['model', 'light_face', 'identity'])
def test_errors_at_60_degrees(model, what):
    def far(r): return sum(r[model]['by_yaw'][yaw][what] for yaw in ('-60', '60'))/2
    assert f'{mean(far):.3f}' in bullet('Faces turn')

def test_the_epochs():
    told = bullet('Sixteen times the steps')
    taken = [steps_of(runs.first('pretrain_gasca1')) for runs in (PUBLISHED, BESIDE)]
    assert 16<taken[0]/taken[1]<17
    for runs in (PUBLISHED, BESIDE):
        for stack in ('gasca1', 'gasca2'):
            assert f"{mean(lambda r, stack=stack: r[stack]['mean']['model'], runs):.3f}" in told
    for model in ('cnn2a', 'still'):
        image, person = (b-a for a, b in zip(right(model, BESIDE), right(model)))
        assert re.search(rf'{image:.0f}( points by image)? and {person:.0f}\b', told), model
    told = bullet('Faces turn')
    for runs, form in ((PUBLISHED, 'C13: {:.2f} times'), (BESIDE, '({:.2f})')):
        assert form.format(np.mean(metrics(runs)['gasca2_over_gasca1_l1'])) in told
    own = [a['mean']['model']/b['mean']['model'] for a, b in recon(PUBLISHED, 'gasca2', 'gasca1')]
    assert f'{np.mean(own):.2f} times, each on its own targets' in told

def test_the_steps():
    taken = steps_of(PUBLISHED.first('pretrain_gasca2'))
    assert f'{taken:,} steps of G' in limit('An epoch visits')
    assert f'{paper_steps()/1e6:.1f} million' in limit('An epoch visits')
    assert f"{100*taken/paper_steps():.0f} % of the paper's steps" in readme()

def limit(start):
    "One of the README's honest limits."
    return next(s for s in readme().splitlines() if s.startswith(f'- {start}'))

def test_the_limits():
    epochs = {name:PRESETS['preset'][name]['resnet'] for name in ('quick', 'standard', 'full')}
    assert epochs==dict(quick=1, standard=30, full=30)
    told = limit('ResNet-34')
    assert "30 of the paper's 100 epochs in *full* and *standard*, and one in *quick*" in told
    told = limit('The pictures')
    assert f"stack's {np.mean(metrics(PUBLISHED)['seam_ratio']):.2f} times" in told
    assert f"{np.mean(metrics(BESIDE)['seam_ratio']):.2f} after 4 and 3" in told

def test_the_presets():
    for name, sizes in PRESETS['preset'].items():
        line = next(s for s in readme().splitlines() if s.startswith(f'| {name} |'))
        assert f"| {sizes['epochs']}, {sizes['finetune']} | {len(sizes['seeds'])}" in line

def test_the_head_start():
    told, t = bullet('The missing pretraining'), head_starts(BESIDE).loc[0]
    forms = dict(own='{:.1f} % of the emotions by image and {:.1f} by person',
                 plain='it tells {:.1f} and {:.1f}', tenth='at {:.1f} and {:.1f}')
    for name, form in forms.items():
        assert form.format(*t.loc[name, ['image', 'person']]) in told
    ends = [BESIDE[name][0].result['log'][-1]['l1'] for name in ('opponent', 'pretrain_gasca2')]
    assert '({:.4f} against {:.4f}'.format(*ends) in told

def test_the_doses():
    told, t = bullet('More of it'), dose_table(all_doses(BESIDE))
    own, most = t.loc['people'].loc[lambda t: t.times==1].iloc[0], t.loc['people'].iloc[-1]
    assert f'{most.people:,.0f} people instead of {own.people:.0f}, at as many steps' in told
    assert most.steps==own.steps and most.person<=own.person
    before, after = doublings(all_doses(BESIDE))['epochs', 'cnn1']
    assert f'brings CNN₁ {before:.0f} points' in told and f'beyond it {after:.0f} point;' in told
    labels = all_doses(BESIDE)['labels']
    gained = [labels[m][2]-labels[m][1] for m in ('cnn2a', 'resnet34', 'small')]
    assert 'gains {:.0f} points, ResNet-34 {:.0f} and the small CNN {:.0f}'.format(*gained) in told
    ends = [labels[m][2] for m in ('cnn2a', 'resnet34', 'small')]
    assert 'at {:.0f}, {:.0f} and {:.0f} %'.format(*ends) in told

def test_the_construction():
    told, v = bullet('Much of the construction'), variants(BESIDE)
    for model in ('gasca1', 'gasca2'):
        assert f'{v.l1[model]:.4f}' in told
        assert f"{v.l1[f'{model}-joint']:.4f}" in told
        collapsed = [final(run)['l1'] for run in BESIDE[f'pretrain_{model}-w1'].values()]
        assert f"({', '.join(f'{x:.4f}' for x in collapsed)})" in told
    nothing = [v.more[f'{m}-{c}'] for m in ('gasca1', 'gasca2') for c in ('full', 'right', 'front')]
    assert f'by {max(np.abs(nothing)):.4f} at most' in told
    units = v.l1[[name for name in v.index if 'units' in name]]
    assert f'{units.min():.4f} to {units.max():.4f}' in told
    assert f"D rests changes {abs(v.more['gasca2-norest']):.4f}" in told
    assert np.isinf(v.l1['gasca2-nosn']) # not one seed has an end
    assert all('diverged' in run.result for run in BESIDE['pretrain_gasca2-nosn'].values())

def test_ratios():
    def ratio(stack):
        ratios = mean_ratio(PUBLISHED, stack)
        return sum(ratios)/len(ratios)
    def far(r, stack):
        return sum(r[stack]['by_yaw'][y]['model'] for y in ('-60', '-45', '45', '60'))
    plain = ('gasca2-conv', 'gasca2-conv5')
    every = [run.result for run in PUBLISHED['recon'].values() if plain[0] in run.result]
    moved = [far(r, 'gasca2')/min(far(r, stack) for stack in plain) for r in every]
    told = bullet('With ConvMLP')
    assert f'{sum(moved)/len(moved):.2f}' in told
    own, *rivals = encoder_params(PUBLISHED).values()
    assert f'{rivals[0]:,} and {rivals[1]:,} parameters against {own:,}' in told
    first, *later = d_steps(PUBLISHED)
    assert f'{first:.0f} % of the batches at the first step' in told and max(later)<.25
    assert f"{ratio('gasca2-untuned'):.2f}" in told
    assert f"(C9: {ratio('gasca2-alone'):.3f}, inconclusive)" in told

def probed(code, kind, name):
    "An answer of the probes, mean over seeds."
    said = [run.result[code][kind][name] for run in PUBLISHED['probes'].values()]
    return sum(said)/len(said)

def test_codes():
    told = bullet('The code forgets')
    for code in ('gasca2, layer 4', 'pixels'):
        for name, form in dict(yaw='{:.1f}', light='{:.1f}', person='{:.0f} %').items():
            assert form.format(100*probed(code, 'share_pie', name)) in told, (code, name)
    found = [probed(code, 'nearest', 'person') for code in ('gasca2, layer 4', 'pixels')]
    assert f'{found[0]/found[1]:.1f} times as often' in told
    turned = [probed(code, 'right', 'turned') for code in ('gasca2, layer 4', 'random, layer 4',
                                                           'pixels')]
    form = ('tells {:.1f} % of the emotions of turned ones, {:.1f} % from the untrained code and '
            '{:.1f} %')
    assert form.format(*turned) in told
    assert '+{} points [{} to {}]'.format(*more('gasca2, layer 4', 'turned')) in told

def more(code, kind):
    "What a code reads out more than the untrained one: mean and interval, as the report has it."
    untrained = 'random'+code[6:]
    results = [run.result for run in PUBLISHED['probes'].values()]
    values = [r[code]['right'][kind]-r[untrained]['right'][kind] for r in results]
    return interval(values_text('points', values, 'splits'))

def test_emotions():
    told = bullet('The code does not hold')
    def both(code): return [probed(code, 'right', split) for split in ('image', 'person')]
    assert '{:.1f} % of the emotions by image and {:.1f} %'.format(*both('gasca2, layer 4')) in told
    assert 'untrained {:.1f} and {:.1f} %'.format(*both('random, layer 4')) in told
    assert 'pixels {:.0f} and {:.0f} %'.format(*both('pixels')) in told
    taken = more('gasca2, layer 4', 'person')
    assert '{} points more by person [{} to {}]'.format(taken[0], *taken[:0:-1]) in told
    assert '{:.1f} and {:.1f} %, '.format(*both('gasca1, layer 1')) in told
    image, person = (more('gasca1, layer 1', split) for split in ('image', 'person'))
    assert '{} [{} to {}] and {} [{} to {}] points more'.format(*image, *person) in told

def test_points_behind():
    told = bullet('The headline fails')
    ahead = [b-a for a, b in zip(right('cnn2a'), right('resnet34'))]
    form = "is {:.0f} points ahead of CNN₂ₐ with the paper's ten by image and {:.0f} by person"
    assert form.format(*ahead) in told
    image, person = (interval(values_text('points', points(
        PUBLISHED, f'resnet34_{split}', f'cnn2a-long_{split}').tolist(), 'splits'))
        for split in ('image', 'person'))
    assert 'it is {} [{} to {}] and {} [{} to {}]'.format(*image, *person) in told
    small = right('small', BESIDE)
    over = [a-b for m in ('cnn2a', 'resnet34') for a, b in zip(small, right(m, BESIDE))]
    form = 'is {:.0f} ahead of CNN₂ₐ by image and {:.0f} by person, and {:.0f} and {:.0f} ahead'
    assert form.format(*over) in told

def test_what_pretraining_brings():
    told = bullet('The code does not hold')
    m = metrics(PUBLISHED)
    assert f"{np.mean(m['cnn2a_minus_control_points']):.1f} points ahead" in told
    assert f"C2: {np.mean(m['cnn2a_minus_cnn1_points']):+.1f} points" in told
    image, person = (b-a for a, b in zip(right('lsuv-long'), right('cnn2a-long')))
    assert f'{image:.1f} points ahead of LSUV by image and {-person:.1f} behind' in told

def test_the_explanations():
    told = bullet('Two explanations')
    points = why_table([run.result for run in PUBLISHED['why'].values()]).points
    forms = dict(E1='lose {:.0f} points [{:.0f} to {:.0f}]', E2='by {:.0f} [{:.0f} to {:.0f}]',
                 E3='({:+.1f} [{:+.1f} to {:+.1f}])')
    for name, form in forms.items():
        assert form.format(*map(float, re.findall(r'[-+][\d.]+', points[name]))) in told, name

def test_the_wild():
    told = bullet('Nothing carries over')
    for model in ('cnn2b', 'cnn2b-long'):
        for part in ('cfe', 'nao'):
            share = accuracy(PUBLISHED, f'{model}_{part}').share.xs('micro', level='row').mean()
            assert f'{share:.1f}' in told, (model, part)

def test_links_lead_somewhere():
    for page in ('README.md', 'CONTRIBUTING.md', 'nbs/index.ipynb'):
        text = re.sub(r'`[^`]*`', '', (ROOT/page).read_text(encoding='utf-8'))
        for target in re.findall(r'\]\((?!http)([^)#\s]+)', text):
            assert ((ROOT/page).parent/target).exists(), (page, target)

def test_the_tour_prints_what_it_says(tmp_path):
    shutil.copytree(ROOT/'reports', tmp_path/'reports')
    for name in ('settings.ini', 'nbs'): (tmp_path/name).symlink_to(ROOT/name)
    block = re.search(r'^```console\n(.*?)^```', readme(), re.M|re.S)[1]
    steps = re.findall(r'^\$ (\S+)(.*)\n((?:(?!\$ ).*\n)*)', block, re.M)
    assert len(steps)==5
    for command, arguments, says in steps:
        script = Path(sys.executable).with_name(command)
        done = subprocess.run([script, *arguments.split()], cwd=tmp_path, capture_output=True,
                              text=True)
        said, expected = (re.sub(r'\d+ faces', 'faces', text) # roundings may cost the detector one
                          for text in (done.stdout+done.stderr, says))
        assert said==expected, command

def test_the_python_of_the_readme_runs():
    known = dict(pictures=[Image.open(ROOT/'reports'/'quick'/'figure3_seed0.png')])
    blocks = re.findall(r'^```python\n(.*?)^```', readme(), re.M|re.S)
    assert blocks
    for block in blocks: exec(block, known)
    assert len(known['front'])==1 and known['z'].shape==(1, 2048) and len(known['kdef'])>0
