"A stranger recomputes verdicts from the worlds' JSON with numpy alone and gets what is printed."
import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
REPORT = ROOT/'reports'/'world'
WORLDS = {int(f.parent.name):[json.loads(line) for line in f.read_text('utf-8').splitlines()]
          for f in REPORT.glob('*/runs.jsonl')}
T975 = {1:12.706, 2:4.303, 3:3.182, 4:2.776, 5:2.571, 6:2.447, 7:2.365, 8:2.306, 9:2.262,
        10:2.228, 11:2.201, 12:2.179, 13:2.160, 14:2.145, 15:2.131} # Student's t, from a table

def results(name):
    "The results of a run by world."
    return {world:run['result'] for world, runs in sorted(WORLDS.items()) for run in runs
            if run['name']==name}

def right(test):
    "Per cent of test images right, from the answers themselves."
    return 100*np.mean(np.array(list(test['truth']))==np.array(list(test['predicted'])))

def scores(model):
    "Per cent of test images right on the paper's split, of the worlds that have learned."
    return {w:right(r) for w, r in results(f'{model}_image').items() if r['train']>=60}

def ahead(rival):
    "What CNN2a is ahead of a rival after forty epochs, in the order of worlds."
    own, other = scores('cnn2a-long'), scores(rival)
    return [own[w]-other[w] for w in own if w in other]

def worst_ratio(stack):
    "The worst of ±45 and ±60 against the best rival."
    far = [row for yaw, row in stack['by_yaw'].items() if int(yaw) in (-60, -45, 45, 60)]
    return max(row['model']/min(v for k, v in row.items() if k!='model') for row in far)

def macro(test):
    "The mean recall of the classes that are there, from the answers themselves."
    y, p = (np.array(list(test[k])) for k in ('truth', 'predicted'))
    return 100*np.mean([np.mean(p[y==c]==c) for c in np.unique(y)])

def over(without):
    "GASCA2's mean error over a control's."
    own, others = results('recon'), results('controls')
    return [own[w]['gasca2']['mean']['model']/others[w][without]['mean']['model'] for w in others]

def more(a, b, kind):
    "What a linear read-out of one code tells more than another's."
    return [r[a]['right'][kind]-r[b]['right'][kind] for r in results('probes').values()]

Z, PLAIN = 'gasca2, layer 4', 'random, layer 4'

def nuisance(r, code): return r[code]['share_pie']['yaw']+r[code]['share_pie']['light']

def values():
    "Every claim's numbers, one a world."
    recon = results('recon').values()
    return dict(
        C1=ahead('resnet34'), C2=ahead('cnn1-long'),
        C3=[max(worst_ratio(r[m]) for m in ('gasca1', 'gasca2')) for r in recon],
        C5=[macro(r['nao']) for r in results('cnn2b').values() if r['train']>=60],
        C8a=ahead('lsuv-long'), C8b=ahead('random-bn-long'), C8c=ahead('still-long'),
        C9=over('gasca2-alone'), C14=over('gasca2-untuned'),
        C11=[max(r[m]['seam'] for m in ('gasca1', 'gasca2')) for r in recon],
        C13=[r['gasca2']['common_target']/r['gasca1']['common_target'] for r in recon],
        C16=[r['gasca2']['left'] for r in results('yaw').values()],
        C17a=more(Z, PLAIN, 'turned'),
        C17b=[nuisance(r, Z)/nuisance(r, PLAIN) for r in results('probes').values()],
        C18a=more(Z, 'pixels', 'person'), C18b=more(Z, PLAIN, 'person'))

def rules():
    with open(ROOT/'gasca'/'registry'/'claims.csv', encoding='utf-8', newline='') as f:
        return {row['id']:row for row in csv.DictReader(f)}

def rows(page, claim):
    "The cells of a claim's rows in a page of the report."
    lines = (REPORT/page).read_text(encoding='utf-8').splitlines()
    return [[cell.strip() for cell in line.split('|')] for line in lines
            if line.startswith(f'| {claim} ')]

def beyond(x, op, number): return x>number if op[0]=='>' else x<number or op=='<=' and x==number

def said(rule, x):
    "The verdict, with Student's interval at 95 %."
    x = np.array(x)
    half = T975[len(x)-1]*x.std(ddof=1)/len(x)**.5
    ends = x.mean()-half, x.mean()+half
    past = {name:[beyond(end, rule['op'], float(rule[name])) for end in ends]
            for name in ('least', 'null')}
    if all(past['least']): return 'reproduced'
    if all(past['null']): return 'trend holds'
    return 'inconclusive' if any(past['least']) else 'not reproduced'

@pytest.mark.parametrize('claim', values())
def test_the_values_of_every_world(claim):
    by_world = [float(x) for x in re.findall(r'[+-]?\d+\.\d+', rows('method.md', claim)[1][6])]
    assert len(by_world)==len(values()[claim])
    for printed, x in zip(by_world, values()[claim]): assert abs(printed-x)<.0051

@pytest.mark.parametrize('claim', values())
def test_every_verdict(claim):
    rule, x = rules()[claim], values()[claim]
    alone = [other for other, r in rules().items() if r['family']==rule['family']]==[claim]
    if len(x)<2 or not alone: pytest.skip('one world, or a family, whose levels Holm shares')
    assert rows('method.md', claim)[0][6]==said(rule, x)

@pytest.mark.parametrize('claim', [c for c, rule in rules().items() if rule['family']!='exact'])
def test_one_world_decides_nothing_and_none_is_not_testable(claim):
    n = int(rows('method.md', claim)[0][5])
    if n<2: assert rows('method.md', claim)[0][6]==('inconclusive' if n else 'not testable here')

def test_nobody_is_in_two_worlds():
    seen = {}
    for world, runs in WORLDS.items():
        for run in runs:
            sha = run['inputs']['corpus_sha256']
            for files in ([sha] if isinstance(sha, dict) else [*sha[0].values(), sha[1]]):
                seen.setdefault(files['images.npy'], set()).add(world)
    assert seen and all(len(worlds)==1 for worlds in seen.values())
