"""Check a world that was sent in: python tools/check_world.py FILE

FILE is runs.jsonl, as gasca_publish packs a world, or its folder. Its digests, fields and sums must
fit; each run must have the code and the settings of the published runs of its name, with every
field of their results and no number far from theirs; and none may be left out. Its corpora are
rendered again, a few minutes' work, since their digests must be those that the runs name. What only
training can tell is left: one of its arms is run again before the world is pooled.
"""
import re
import shutil
import sys
import tempfile
from pathlib import Path

from gasca.core import GascaError
from gasca.faces import render_corpus
from gasca.faces.plans import DESIGNS
from gasca.report.measures import EXPERIMENTS, complete, pictures, validate
from gasca.runs import PACKED, Runs, refuse_real

PUBLISHED = Path(__file__).parents[1]/'reports'/'world'
NAMES = {design['name']:name for name, design in DESIGNS.items()} # RenderedKDEF -> kdef
PILOTS = 1000 # worlds from here on chose the settings and are never pooled
OWN = {'seed', 'corpus_sha256', 'split_hash', 'start', 'checkpoints', 'code', 'device'} # of a world
COUNTED = {'params', 'macs', 'people', 'pairs', 'n'} # alike in every world
ERRORS = {'model', 'common_target', 'seam'} # of pixels, never 0
FAR = 10 # times the largest of the published numbers

def other_code(runs, published):
    "Name the runs whose code is not that of the published run of that name."
    return [run.name for run in runs.all()
            if run.inputs['code']!=published.first(run.name).inputs['code']]

def other_settings(runs, published):
    "Name the runs whose inputs are not the published ones, apart from a world's own."
    named = []
    for run in runs.all():
        known = published.first(run.name).inputs
        wrong = sorted(key for key in (run.inputs.keys()|known.keys())-OWN
                       if run.inputs.get(key)!=known.get(key))
        if wrong: named.append(f"{run.name} ({', '.join(wrong)})")
    return named

def is_number(value): return isinstance(value, (int, float)) and not isinstance(value, bool)

def in_reach(value, known):
    "Return whether a number is of the kind and size of the published ones."
    if isinstance(known[0], int): return type(value) is int and 0<=value<10**9 # sums are checked
    most = max(map(abs, known))
    return is_number(value) and abs(value)<=FAR*max(most, 10) # shares reach 100; no nan

def fits(text, first, end):
    "Return whether a text is as long as the published one; names may hold a world's number."
    return len(text)==len(first) if end in ('truth', 'predicted', 'sha256') else len(text)<200

def unlike(value, known, field):
    "Return the first field that the published values `known` have otherwise; '' where none has."
    first = known[0]
    end = field.rpartition('.')[2]
    if end in COUNTED: return '' if value==first else field
    if is_number(first):
        return '' if in_reach(value, known) and (value>0 or end not in ERRORS) else field
    if type(value) is not type(first): return field
    if isinstance(first, str): return '' if fits(value, first, end) else field
    if isinstance(first, list): value, *known = (dict(enumerate(v)) for v in (value, *known))
    if not isinstance(value, dict): return '' if value==first else field
    if field.endswith('by_person'): # the people are a world's own
        known = [dict.fromkeys(value, next(iter(k.values()))) for k in known]
    differ = value.keys()^known[0].keys()
    if differ: return f'{field}.{min(map(str, differ))}'
    parts = (unlike(v, [k[key] for k in known], f'{field}.{key}') for key, v in value.items())
    return next(filter(None, parts), '')

def other_results(runs, published):
    "Name the runs whose results lack a field, have one too many or a number out of reach."
    wrong = {run.name:unlike(run.result, [k.result for k in published[run.name].values()], 'result')
             for run in runs.all()}
    return [f'{name} ({field})' for name, field in wrong.items() if field]

def other_pictures(runs, render=render_corpus):
    "Name the corpora whose digests are not those that the renderer gives."
    said = {(corpus, run.seed):sha256 for run in runs.all()
            for corpus, sha256 in pictures(run).items()}
    return [f'{corpus} of world {world}' for (corpus, world), sha256 in said.items()
            if render(NAMES[corpus], 'world', world=world).info['sha256']!=sha256]

def odd_versions(runs):
    "Name the runs whose packages have no plain version."
    def plain(item): return re.fullmatch(r'[\w.+-]{1,40}', str(item))
    return [run.name for run in runs.all()
            if not all(map(plain, (*run.versions, *run.versions.values())))]

def lacking(runs, published):
    "Name the runs that every published world has, or that belong to others of the world."
    worlds = {run.seed for run in published.all()}
    wanted = {name for name, of in published.items() if set(of)==worlds}
    for e in EXPERIMENTS:
        if runs.keys()&set(e.makes): wanted |= set(e.makes)
    return sorted(wanted-runs.keys())

def number_of(runs, where):
    "Return a world's number; raise `GascaError` where it is none, or there are several."
    worlds = {run.seed for run in runs.all()}
    if len(worlds)!=1: raise GascaError(f'{where} holds worlds {sorted(worlds)}; send one a file')
    world = worlds.pop()
    if type(world) is not int or not 0<=world<PILOTS:
        raise GascaError(f'{where} holds world {world}; worlds that are pooled are numbered '
                         f'from 0 to {PILOTS-1}')
    return world

def check(where, published=PUBLISHED, render=render_corpus):
    "Raise `GascaError` for the first thing that is wrong with a world; return its number."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(where)
        if path.is_dir(): path = path/PACKED
        if not path.is_file(): raise GascaError(f'{path} is not there; give the file of a world')
        shutil.copy(path, Path(folder)/PACKED)
        runs, known = Runs.of(folder), Runs.of(published)
    world = number_of(runs, where)
    refuse_real(runs)
    unknown = sorted(set(runs)-set(known))
    if unknown: raise GascaError(f"{where}: not published: {', '.join(unknown)}")
    validate(runs, where)
    complete(runs, where)
    tests = {'it lacks':lambda: lacking(runs, known),
             'not our code':lambda: other_code(runs, known),
             'not our settings':lambda: other_settings(runs, known),
             'not our results':lambda: other_results(runs, known),
             'odd versions':lambda: odd_versions(runs),
             'not our pictures':lambda: other_pictures(runs, render)} # the slowest last
    for what, test in tests.items():
        if names := test(): raise GascaError(f"{where}: {what}: {', '.join(names)}")
    return world

if __name__=='__main__':
    if len(sys.argv)!=2 or sys.argv[1].startswith('-'): sys.exit(__doc__)
    try: print(f'world {check(sys.argv[1])} is what it says, as far as one sees without training')
    except GascaError as e: sys.exit(f'check_world: {e}')
