"A stranger recomputes claims from the run files' JSON alone and gets what the report prints."
import csv
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
    lines = (ROOT/'reports'/preset/'runs.jsonl').read_text(encoding='utf-8').splitlines()
    runs = [run for run in map(json.loads, lines) if run['name']==name]
    return {run['seed']:run['result'] for run in runs}

def has_learned(r):
    "Whether 60 % of its training images are right; CFE runs before 29 November 2026 keep no share."
    return r['train']>=60 if 'train' in r else r['log'][-1]['loss']<math.log(7)/2

def right(test):
    "Per cent of test images right, from the answers themselves."
    return 100*sum(a==b for a, b in zip(test['truth'], test['predicted']))/len(test['truth'])

def scores(preset, model, split='image'):
    "Per cent of test images right, of the seeds that have learned."
    found = results(preset, f'{model}_{split}')
    return {seed:right(r) for seed, r in found.items() if has_learned(r)}

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
    "The values by seed in the report's table of rules."
    text = (ROOT/'reports'/preset/'method.md').read_text(encoding='utf-8')
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

def macro(test):
    "The mean recall of the classes that are there, from the answers themselves."
    of = {c:test['truth'].count(c) for c in set(test['truth'])}
    hits = [a for a, b in zip(test['truth'], test['predicted']) if a==b]
    return 100*sum(hits.count(c)/n for c, n in of.items())/len(of)

@pytest.mark.parametrize('preset', PRESETS)
def test_in_the_wild(preset):
    wild, longer = results(preset, 'cnn2b'), results(preset, 'cnn2b-long')
    best = {s:r if has_learned(r) else longer.get(s, r) for s, r in wild.items()}
    values = [round(macro(best[s]['nao']), 2) for s in sorted(best) if has_learned(best[s])]
    assert printed(preset, 'C5')==values

def in_table3(preset, model, split):
    "Micro accuracy by seed in the long table."
    with open(ROOT/'reports'/preset/'table3.csv', encoding='utf-8', newline='') as f:
        rows = [row for row in csv.DictReader(f) if row['source']=='ours' and row['row']=='micro']
    return {int(row['seed']):float(row['share']) for row in rows
            if (row['model'], row['split'])==(model, split)}

@pytest.mark.parametrize('split', ('image', 'person'))
@pytest.mark.parametrize('preset', PRESETS)
def test_the_small_cnn(preset, split):
    made = results(preset, f'small_{split}')
    assert in_table3(preset, 'small CNN', split)=={s:round(right(r), 4) for s, r in made.items()}
    assert all(map(has_learned, made.values())) # tested with statistics of its training images
    lagging = [r['log'][-1]['lagging']['test'] for r in made.values()]
    assert sum(lagging)<=sum(map(right, made.values())) # what was published before

def test_the_published_run_was_made_before_that():
    assert not results('full', 'small_image')
    assert 'The small CNN is left out' in (
        ROOT/'reports'/'full'/'method.md').read_text(encoding='utf-8')
