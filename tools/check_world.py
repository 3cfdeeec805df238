"""Check a world that was sent in: python tools/check_world.py FOLDER

FOLDER holds runs.jsonl, as gasca_publish packs a world. Its digests, fields and sums must fit, each
run's code must be that of the published worlds, and its corpora are rendered again, a few minutes'
work, since their digests must be those that the runs name. What only training can tell is left: one
of its arms is run again before the world is pooled.
"""
import sys
from pathlib import Path

from gasca.core import GascaError
from gasca.faces import render_corpus
from gasca.faces.plans import DESIGNS
from gasca.report.measures import complete, pictures, validate
from gasca.runs import Runs, refuse_real

PUBLISHED = Path(__file__).parents[1]/'reports'/'world'
NAMES = {design['name']:name for name, design in DESIGNS.items()} # RenderedKDEF -> kdef

def other_code(runs, published):
    "Name the runs whose code is not that of the published run of that name."
    return [run.name for run in runs.all() if run.name in published
            and run.inputs['code']!=published.first(run.name).inputs['code']]

def other_pictures(runs, render=render_corpus):
    "Name the corpora whose digests are not those that the renderer gives."
    said = {(corpus, run.seed):sha256 for run in runs.all()
            for corpus, sha256 in pictures(run).items()}
    return [f'{corpus} of world {world}' for (corpus, world), sha256 in said.items()
            if render(NAMES[corpus], 'world', world=world).info['sha256']!=sha256]

def check(folder, published=PUBLISHED, render=render_corpus):
    "Raise `GascaError` for the first thing that is wrong with a world; return its number."
    runs, known = Runs.of(folder), Runs.of(published)
    refuse_real(runs)
    validate(runs, folder)
    complete(runs, folder)
    worlds = {run.seed for run in runs.all()}
    if len(worlds)!=1: raise GascaError(f'{folder} holds worlds {sorted(worlds)}; send one a file')
    differ = dict(code=other_code(runs, known), pictures=other_pictures(runs, render))
    for what, names in differ.items():
        if names: raise GascaError(f"{folder}: not our {what}: {', '.join(names)}")
    return worlds.pop()

if __name__=='__main__':
    try: print(f'world {check(sys.argv[1])} is what it says, as far as one sees without training')
    except GascaError as e: sys.exit(f'check_world: {e}')
