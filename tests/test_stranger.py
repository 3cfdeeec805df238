"A stranger recomputes claims from the run files' JSON alone and gets what the report prints."
import json
import math
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRESETS = ('quick', 'standard', 'full')
CONTROLS = ('random', 'alg2', 'lsuv', 'shuffled', 'random-bn', 'still')

def results(preset, name):
    "The results of a run by seed."
    paths = (ROOT/'reports'/preset/'runs').glob(f'{name}_seed*.json')
    runs = [json.loads(path.read_text(encoding='utf-8')) for path in paths]
    return {run['inputs']['seed']:run['result'] for run in runs}

def scores(preset, model):
    "Per cent of test images right, split by image, of the seeds that left guessing."
    found = {}
    for seed, r in results(preset, f'{model}_image').items():
        if r['log'][-1]['loss']>=math.log(7)/2: continue
        found[seed] = 100*sum(a==b for a, b in zip(r['truth'], r['predicted']))/len(r['truth'])
    return found

def minus(a, b):
    "Differences of the seeds that both have, in the order of seeds."
    return [a[seed]-b[seed] for seed in sorted(a) if seed in b]

def best_control(preset):
    every = [scores(preset, m) for m in CONTROLS]
    seeds = {seed for found in every for seed in found}
    return {seed:max(found[seed] for found in every if seed in found) for seed in seeds}

def worst_ratio(stack):
    "The worst of ±45 and ±60 against the best rival."
    far = [row for yaw, row in stack['by_yaw'].items() if int(yaw) in (-60, -45, 45, 60)]
    return max(row['model']/min(v for k, v in row.items() if k!='model') for row in far)

def c3(preset):
    recon = results(preset, 'recon')
    return [max(worst_ratio(recon[s][m]) for m in ('gasca1', 'gasca2')) for s in sorted(recon)]

def printed(preset, claim):
    "The values by seed in the report's folded table."
    text = (ROOT/'reports'/preset/'README.md').read_text(encoding='utf-8')
    rows = [line for line in text.splitlines() if line.startswith(f'| {claim} ')]
    by_seed = rows[1].split('|')[6]
    return [float(x) for x in re.findall(r'[+-]?\d+\.\d+', by_seed)]

@pytest.mark.parametrize('preset', PRESETS)
def test_accuracies(preset):
    cnn2a = scores(preset, 'cnn2a')
    rivals = dict(C1=scores(preset, 'resnet34'), C2=scores(preset, 'cnn1'), C8=best_control(preset))
    for claim, rival in rivals.items():
        assert printed(preset, claim)==[round(x, 2) for x in minus(cnn2a, rival)], claim

@pytest.mark.parametrize('preset', PRESETS)
def test_reconstruction(preset):
    assert printed(preset, 'C3')==[round(x, 3) for x in c3(preset)]
