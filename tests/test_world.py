"A world that is sent in is checked as far as can be seen without training."
import copy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gasca.core import GascaError
from gasca.report.measures import pictures
from gasca.runs import Runs, pack

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT/'tools'))
import check_world

@pytest.fixture
def sent():
    "World 1, as somebody else would send it."
    published = Runs.of(check_world.PUBLISHED)
    return Runs({name:{1:copy.deepcopy(of[1])} for name, of in published.items() if 1 in of})

def rendered(runs):
    "A renderer that gives what the runs of a world name, without rendering."
    said = {}
    for run in runs.all(): said |= pictures(run)
    names = {name:corpus for corpus, name in check_world.NAMES.items()}
    def render(name, preset, world):
        return SimpleNamespace(info=dict(sha256=said[names[name]]))
    return render

def checked(runs, tmp_path, render):
    pack(runs, tmp_path/'1')
    return check_world.check(tmp_path/'1', render=render)

def test_a_published_world_passes(sent, tmp_path):
    assert checked(sent, tmp_path, rendered(sent))==1

def code(run): run.inputs['code'] = '0'*64
def numbers(run): run.result['confusion'][0][0] += 1
def photographs(run): run.inputs['rendered'] = False
def world(run): run.seed = run.inputs['seed'] = 2

@pytest.mark.parametrize('change, says', [
    (code, 'not our code: cnn2a_image'), (numbers, 'do not add up'),
    (photographs, 'not rendered'), (world, 'every world|worlds|lack|miss')])
def test_what_is_wrong_is_said(change, says, sent, tmp_path):
    render = rendered(sent)
    change(sent['cnn2a_image'][1])
    with pytest.raises(GascaError, match=says): checked(sent, tmp_path, render)

def test_other_pictures_are_named(sent, tmp_path):
    other = copy.deepcopy(sent)
    for run in other.all():
        if run.inputs['corpus']=='RenderedPIE': run.inputs['corpus_sha256'] = {'images.npy':'0'*64}
    with pytest.raises(GascaError, match='not our pictures: RenderedPIE of world 1'):
        checked(other, tmp_path, rendered(sent))
