"The committed reports follow from the committed run files; a wrong file is named."
import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gasca.core import GascaError, sha256
from gasca.report.measures import read_runs
from gasca.report.write import write_report
from gasca.runs import Runs, code_hash, run_path, save_run

ROOT = Path(__file__).parent.parent
WORLD = ROOT/'reports'/'world'

FROZEN = dict( # run -> what it depends on, as its notebook says
    pretrain_gasca2='from gasca.pretrain import pretrain',
    recon='from gasca.pretrain import load_gasca\n'
          'from gasca.experiments.recon import first_scenes, reconstruct_test, summarise',
    yaw='from gasca.pretrain import load_gasca\n'
        'from gasca.experiments.recon import reconstruct_test\n'
        'from gasca.experiments.yaw import estimator, read_yaws',
    cnn2a_image='from gasca.classify import cfe_run, kdef_runs, pretrained\n'
                'from gasca.classify import started_at, untrained\n'
                'from gasca.data import combine, kdef_own',
    probes='from gasca.classify import fresh_encoder, pretrained\n'
           'from gasca.experiments.probes import codes, probe',
    resnet34_image='from gasca.baseline import resnet34, resnet_optimiser, small_cnn\n'
                   'from gasca.classify import adam_from, kdef_runs')

def copied(to, worlds=None):
    "Copy the published run files, of all worlds or of some, and the pictures of 06_recon."
    folder = to/'reports'/'world'
    for run in Runs.of(WORLD).all():
        if worlds is None or run.seed in worlds:
            save_run(run_path(folder, run.name, run.seed), run.inputs, run.result, run.versions)
    for path in WORLD.glob('*_seed*.png'): shutil.copy(path, folder)
    return folder

def edited(to, name, change, seed=0):
    "Copy world 0 and change one run file, with a digest that fits."
    folder = copied(to, [0])
    run = copy.deepcopy(Runs.of(folder)[name][seed])
    change(run)
    save_run(run_path(folder, name, seed), run.inputs, run.result, run.versions)
    return folder

def test_the_committed_report_is_what_its_run_files_give(tmp_path):
    folder = copied(tmp_path)
    write_report(folder)
    for path in folder.glob('*.*'): # bytes of a picture depend on matplotlib's build
        if path.suffix=='.png': continue
        assert sha256(path)==sha256(WORLD/path.name), path.name

def test_every_committed_run_file_is_sound():
    folders = {int(path.name) for path in WORLD.iterdir() if path.is_dir()}
    assert set(read_runs(WORLD)['recon'])==folders>={0}

def test_a_damaged_world_is_named_and_left_out(tmp_path, capsys):
    shutil.copytree(WORLD, tmp_path/'world')
    shutil.copytree(WORLD/'0', tmp_path/'world'/'900')
    made_up = tmp_path/'world'/'900'/'runs.jsonl'
    made_up.write_text(made_up.read_text('utf-8').replace('"seed": 0', '"seed": 900'), 'utf-8')
    assert 900 not in read_runs(tmp_path/'world')['recon']
    assert 'world 900 is left out: line 1 of' in capsys.readouterr().err

def test_worlds_are_of_this_code():
    "Whoever changes what the worlds depend on has to run them again."
    made = {run.name:run.inputs['code'] for run in Runs.of(WORLD).all()}
    for name, source in FROZEN.items(): assert made[name]==code_hash(source), name

def test_worlds_are_of_one_code():
    for name, seeds in Runs.of(WORLD).items():
        assert len({run.inputs['code'] for run in seeds.values()})==1, name

def test_a_report_loads_no_renderer_and_opens_no_network(tmp_path):
    folder = copied(tmp_path, [0])
    code = f'''
import socket, sys
def no_network(*args): raise OSError('a report opened the network')
socket.socket.connect = no_network
from gasca.report.write import gasca_report
gasca_report(out={str(folder)!r})
assert not {{'warp', 'anny', 'cv2'}}&set(sys.modules), sys.modules
'''
    env = dict(os.environ, PYTHONPATH=str(ROOT), MPLBACKEND='Agg')
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, env=env, capture_output=True,
                          text=True)
    assert done.returncode==0, done.stderr
    assert (folder/'README.md').is_file()
    assert (folder.parent/'README.md').is_file() # repeated one folder up

def wrong_count(run): run.result['confusion'][0][0] += 1
def wrong_pose(run): run.result['by_pose']['0'][0][0] += 1
def wrong_sum(run): run.result['n'] += 1
def wrong_seed(run): run.inputs['seed'] = 7
def wrong_model(run): run.inputs['what'] = 'cnn2a'
def wrong_preset(run): run.inputs['preset'] = 'long'
def wrong_corpus(run): run.inputs['corpus_sha256']['images.npy'] = '0'
def wrong_split(run): run.inputs['split_hash'] = '0'
def wrong_start(run): run.inputs['start'] = '0'
def no_split(run): del run.inputs['split_hash']
def no_cost(run): del run.result['macs']

CASES = {wrong_count:'has numbers that do not add up', wrong_pose:'has numbers that do not add up',
         wrong_sum:'has numbers that do not add up', wrong_seed:'holds the run cnn1_image, seed 7',
         wrong_model:'holds the run cnn2a_image', wrong_preset:'do not agree on the preset',
         wrong_corpus:'do not agree on the pictures', wrong_split:'do not agree on the image split',
         wrong_start:'do not agree on the weights of gasca1', no_split:"has no 'inputs.split_hash'",
         no_cost:"has no 'result.macs'"}

@pytest.mark.parametrize('change', CASES, ids=lambda change: change.__name__)
def test_a_run_file_that_is_wrong_is_named_in_one_line(change, tmp_path):
    with pytest.raises(GascaError) as e: read_runs(edited(tmp_path, 'cnn1_image', change))
    message = str(e.value)
    assert CASES[change] in message and '_seed0.json' in message and '\n' not in message

def test_an_edit_by_hand_is_named_by_its_digest(tmp_path):
    folder = copied(tmp_path, [0])
    path = run_path(folder, 'recon', 0)
    path.write_text(path.read_text().replace('"seam": 1', '"seam": 0'))
    with pytest.raises(GascaError, match=r'recon_seed0\.json was edited'): write_report(folder)

@pytest.mark.parametrize('text', ('', '{"inputs": ', '[]', '{"inputs": 1}'))
def test_a_file_that_is_no_run_is_named(text, tmp_path):
    folder = copied(tmp_path, [0])
    run_path(folder, 'cnn2b', 0).write_text(text)
    with pytest.raises(GascaError, match=r'cnn2b_seed0\.json is not'): read_runs(folder)

def test_a_missing_file_is_named_with_what_makes_it(tmp_path):
    folder = copied(tmp_path, [0])
    run_path(folder, 'resnet34_person', 0).unlink()
    with pytest.raises(GascaError, match='09_baseline with seed 0 makes it'): read_runs(folder)

def test_a_misnamed_file_is_named(tmp_path):
    folder = copied(tmp_path, [0])
    path = run_path(folder, 'cnn1_image', 0)
    path.rename(path.with_name('cnn1_image_seed0 (copy)_seedx.json'))
    with pytest.raises(GascaError, match='not named NAME_seedN'): read_runs(folder)

def test_a_run_of_another_seed_asks_for_the_rest_of_it(tmp_path):
    folder = copied(tmp_path, [0])
    run = copy.deepcopy(Runs.of(folder).first('cnn1_image'))
    run.inputs['seed'] = 1
    save_run(run_path(folder, 'cnn1_image', 1), run.inputs, run.result, run.versions)
    with pytest.raises(GascaError, match=r'seed1\.json is missing'): read_runs(folder)

def test_run_files_name_no_place_and_no_time():
    for path in ROOT.glob('reports/**/runs.jsonl'):
        for line in path.read_text(encoding='utf-8').splitlines():
            fields = {'name', 'seed', 'inputs', 'result', 'versions', 'digest'}
            assert set(json.loads(line))==fields, path

def test_links_hold_in_a_replication_of_a_clone_too():
    pages = sorted(WORLD.glob('*.md'))
    links = [link for page in pages
             for link in re.findall(r'\]\((\.\./[^)#]+)', page.read_text(encoding='utf-8'))]
    assert len(links)>20
    for link in links: # a replication lies in replication/world
        assert Path(os.path.normpath(ROOT/'replication/world'/link)).exists(), link
