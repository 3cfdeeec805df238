"The committed reports follow from the committed run files; a wrong file is named."
import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gasca.core import GascaError, sha256
from gasca.report.measures import read_runs
from gasca.report.write import write_report
from gasca.runs import Runs, run_path, save_run, unpack

ROOT = Path(__file__).parent.parent
QUICK = ROOT/'reports'/'quick'
PRESETS = ('quick', 'standard', 'full')

def copied(preset, to):
    "Copy a report's run files and the pictures of 06_recon."
    source, folder = ROOT/'reports'/preset, to/'reports'/preset
    unpack(source, folder)
    for path in source.glob('*_seed*.png'): shutil.copy(path, folder)
    beside = 'standard' if preset=='full' else 'full' # which a report reads, too
    other = folder.with_name(beside)
    if not other.exists(): unpack(ROOT/'reports'/beside, other)
    return folder

def edited(to, name, change, seed=0):
    "Copy the quick report and change one run file, with a digest that fits."
    folder = copied('quick', to)
    run = copy.deepcopy(Runs.of(folder)[name][seed])
    change(run)
    save_run(run_path(folder, name, seed), run.inputs, run.result, run.versions)
    return folder

@pytest.mark.parametrize('preset', PRESETS)
def test_the_committed_report_is_what_its_run_files_give(preset, tmp_path):
    folder = copied(preset, tmp_path)
    write_report(folder)
    for path in folder.glob('*.*'): # bytes of a picture depend on matplotlib's build
        if path.suffix=='.png': continue
        assert sha256(path)==sha256(ROOT/'reports'/preset/path.name), path.name

@pytest.mark.parametrize('preset', PRESETS)
def test_every_committed_run_file_is_sound(preset):
    assert len(read_runs(ROOT/'reports'/preset)['recon'])==dict(quick=1, standard=5, full=5)[preset]

def test_a_report_loads_no_renderer_and_opens_no_network(tmp_path):
    folder = copied('quick', tmp_path)
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
def wrong_preset(run): run.inputs['preset'] = 'standard'
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
    folder = copied('quick', tmp_path)
    path = run_path(folder, 'recon', 0)
    path.write_text(path.read_text().replace('"seam": 1', '"seam": 0'))
    with pytest.raises(GascaError, match=r'recon_seed0\.json was edited'): write_report(folder)

@pytest.mark.parametrize('text', ('', '{"inputs": ', '[]', '{"inputs": 1}'))
def test_a_file_that_is_no_run_is_named(text, tmp_path):
    folder = copied('quick', tmp_path)
    run_path(folder, 'cnn2b', 0).write_text(text)
    with pytest.raises(GascaError, match=r'cnn2b_seed0\.json is not'): read_runs(folder)

def test_a_missing_file_is_named_with_what_makes_it(tmp_path):
    folder = copied('quick', tmp_path)
    run_path(folder, 'resnet34_person', 0).unlink()
    with pytest.raises(GascaError, match='09_baseline with seed 0 makes it'): read_runs(folder)

def test_a_misnamed_file_is_named(tmp_path):
    folder = copied('quick', tmp_path)
    path = run_path(folder, 'cnn1_image', 0)
    path.rename(path.with_name('cnn1_image_seed0 (copy)_seedx.json'))
    with pytest.raises(GascaError, match='not named NAME_seedN'): read_runs(folder)

def test_a_run_of_another_seed_asks_for_the_rest_of_it(tmp_path):
    folder = copied('quick', tmp_path)
    run = copy.deepcopy(Runs.of(folder).first('cnn1_image'))
    run.inputs['seed'] = 1
    save_run(run_path(folder, 'cnn1_image', 1), run.inputs, run.result, run.versions)
    with pytest.raises(GascaError, match=r'seed1\.json is missing'): read_runs(folder)

def test_run_files_name_no_place_and_no_time():
    for path in ROOT.glob('reports/*/runs.jsonl'):
        for line in path.read_text(encoding='utf-8').splitlines():
            fields = {'name', 'seed', 'inputs', 'result', 'versions', 'digest'}
            assert set(json.loads(line))==fields, path
