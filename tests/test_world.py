"A world that is sent in is checked as far as can be seen without training."
import copy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
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

def code(runs): runs['cnn2a_image'][1].inputs['code'] = '0'*64
def numbers(runs): runs['cnn2a_image'][1].result['confusion'][0][0] += 1
def photographs(runs): runs['cnn2a_image'][1].inputs['rendered'] = False
def two_worlds(runs): runs['cnn2a_image'][1].seed = runs['cnn2a_image'][1].inputs['seed'] = 2
def epochs(runs): runs['cnn2a_image'][1].inputs['epochs'] = 200
def narrow(runs): runs['pretrain_gasca2'][1].inputs['sizes']['nf'] = 8
def corpus(runs): runs['recon'][1].inputs['corpus'] = 'Faces'
def no_train(runs): del runs['cnn2a-long_image'][1].result['train']
def not_a_number(runs): runs['probes'][1].result['gasca2, layer 4']['right']['person'] = np.nan
def huge(runs): runs['recon'][1].result['gasca2']['by_yaw']['-60']['model'] = 10**400
def no_error(runs): runs['recon'][1].result['gasca1']['common_target'] = 0
def negative(runs): runs['recon'][1].result['gasca2']['seam'] = -5
def one_epoch(runs): del runs['pretrain_gasca2'][1].result['log'][1:]
def other_network(runs): runs['cnn2a_image'][1].result['macs'] = 1
def script(runs): runs['recon'][1].versions['torch'] = '<script>'
def dropped(runs): del runs['yaw']
def dropped_arm(runs): del runs['few_small']

def unknown(runs):
    run = copy.deepcopy(runs['cnn1_image'][1])
    run.name, run.inputs['what'] = 'mine_image', 'mine'
    runs['mine_image'] = {1:run}

@pytest.mark.parametrize('change, says', [
    (code, 'not our code: cnn2a_image'), (numbers, 'do not add up'),
    (photographs, 'not rendered'), (two_worlds, r'holds worlds \[1, 2\]'),
    (epochs, r'settings: cnn2a_image \(epochs\)'), (narrow, r'pretrain_gasca2 \(sizes\)'),
    (corpus, r'recon \(corpus\)'), (no_train, r'cnn2a-long_image \(result.train\)'),
    (not_a_number, 'layer 4.right.person'), (huge, 'is not a run file'),
    (no_error, 'gasca1.common_target'), (negative, 'gasca2.seam'), (one_epoch, 'result.log.1'),
    (other_network, 'result.macs'), (script, 'odd versions: recon'), (dropped, 'lacks: yaw'),
    (dropped_arm, 'lacks: few_small'), (unknown, 'not published: mine_image')])
def test_what_is_wrong_is_said(change, says, sent, tmp_path):
    render = rendered(sent)
    change(sent)
    with pytest.raises(GascaError, match=says): checked(sent, tmp_path, render)

@pytest.mark.parametrize('world', (-1, 1000, 10**30, True))
def test_a_world_has_a_number_of_its_own(world, sent, tmp_path):
    render = rendered(sent)
    for name, of in sent.items():
        run = of.pop(1)
        run.seed = run.inputs['seed'] = world
        of[world] = run
    with pytest.raises(GascaError, match=f'holds world {world}'):
        checked(sent, tmp_path, render)

WORLDS = sorted(Runs.of(check_world.PUBLISHED)['recon'])

@pytest.mark.parametrize('world', WORLDS)
def test_an_honest_world_is_like_the_others(world):
    "Each published world passes when the others are what it is compared with."
    published = Runs.of(check_world.PUBLISHED)
    one = Runs({name:{world:of[world]} for name, of in published.items() if world in of})
    others = Runs({name:{w:run for w, run in of.items() if w!=world}
                   for name, of in published.items()})
    tests = (check_world.other_code, check_world.other_settings, check_world.other_results)
    assert [test(one, others) for test in tests]==[[], [], []]
    assert not check_world.odd_versions(one)

def test_a_file_alone_will_do_and_the_tool_says_how_it_is_used(sent, tmp_path):
    pack(sent, tmp_path)
    (tmp_path/'runs.jsonl').rename(tmp_path/'world1.jsonl')
    assert check_world.check(tmp_path/'world1.jsonl', render=rendered(sent))==1
    with pytest.raises(GascaError, match='is not there'): check_world.check(tmp_path/'gone')
    tool = [sys.executable, ROOT/'tools/check_world.py']
    for words in ([], ['--help'], ['a', 'b']):
        said = subprocess.run([*tool, *words], capture_output=True, text=True)
        assert said.returncode==1 and 'check_world.py FILE' in said.stderr

def test_other_pictures_are_named(sent, tmp_path):
    other = copy.deepcopy(sent)
    for run in other.all():
        if run.inputs['corpus']=='RenderedPIE': run.inputs['corpus_sha256'] = {'images.npy':'0'*64}
    with pytest.raises(GascaError, match='not our pictures: RenderedPIE of world 1'):
        checked(other, tmp_path, rendered(sent))
