"What every command does before it works: its line is read at once, and its end is one line."
import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest.mock import patch

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from gasca import command
from gasca.core import GascaError, cli, save_json
from gasca.plan import Step
from gasca.runner import STEP_ENV, run_step, watching

ROOT = Path(__file__).parent.parent
UNCHECKED = {k:v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'PYTHONUNBUFFERED')}
LOADED = """
import atexit, sys
from gasca import command
sys.argv = sys.argv[1:]
heavy = 'torch', 'matplotlib', 'pandas', 'numpy', 'gasca.core'
atexit.register(lambda: print('heavy:', *[m for m in heavy if m in sys.modules], file=sys.stderr))
getattr(command, sys.argv[0])()
"""

def run(*args, stdout=subprocess.PIPE, **env):
    "Run a command; what is done with it is in the result."
    env = dict(UNCHECKED, PYTHONPATH=str(ROOT))|env
    return subprocess.run([sys.executable, '-c', LOADED, *args], env=env, text=True,
                          stdout=stdout, stderr=subprocess.PIPE)

@pytest.mark.parametrize('name', command.HOME)
def test_help_and_version_import_nothing_heavy(name):
    told = run(name, '--help')
    assert told.returncode==0 and told.stderr=='heavy:\n', told.stderr
    assert '--version' in told.stdout
    told = run(name, '--version')
    assert (told.returncode, told.stderr)==(0, 'heavy:\n')
    assert told.stdout.startswith(f'{name} ')

WRONG = [('gasca_replicate', '--preset', 'fast'), ('gasca_replicate', '--corpora', 'both'),
         ('gasca_publish', '--preset', 'fast'), ('gasca_render', 'mulitpie')]

@pytest.mark.parametrize('words', WRONG)
def test_an_unknown_choice_is_refused_before_anything_heavy(words):
    told = run(*words)
    line, heavy = told.stderr.splitlines()
    assert told.returncode==1 and heavy=='heavy:'
    assert line.startswith(f'{words[0]}: unknown') and 'choose from: ' in line

def test_the_command_gets_what_was_typed():
    with patch('sys.argv', ['gasca_page', '--people', '3']):
        assert command.arguments('gasca_page')==dict(out='reports/playground.html', people=3)

def test_ascii_terminals_get_escapes(monkeypatch, tmp_path):
    "The help of a command that has ± in it."
    (tmp_path/'demo.py').write_text('def gasca_demo(\n    a:int=1, # ±60°\n): "Turn by ±60°."\n')
    code = "import sys, gasca; from gasca import command; command.HOME['gasca_demo'] = 'demo'; " \
           "gasca.__path__.insert(0, '.'); sys.argv = ['x', '--help']; command.start('gasca_demo')"
    env = dict(UNCHECKED, PYTHONPATH=str(ROOT), PYTHONIOENCODING='ascii')
    told = subprocess.run([sys.executable, '-c', code], env=env, text=True, capture_output=True,
                          cwd=tmp_path)
    assert told.returncode==0 and told.stderr=='' and r'\xb160\xb0' in told.stdout

def test_a_closed_pipe_is_quiet():
    read, write = os.pipe()
    os.close(read)
    told = run('gasca_render', '--help', stdout=write)
    os.close(write)
    assert told.returncode==141 and told.stderr==''

@pytest.mark.skipif(not Path('/dev/full').exists(), reason='there is no /dev/full')
def test_a_full_disk_that_is_printed_to_is_one_line():
    with open('/dev/full', 'w') as full: told = run('gasca_render', '--help', stdout=full)
    assert told.returncode==1
    assert told.stderr.splitlines()==['gasca_render: [Errno 28] No space left on device']

# --- the file system

KINDS = (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOSPC)
PLACES = {'GASCA_DATA':'data/kdef', 'GASCA_MODELS':'models', 'WARP_CACHE_PATH':'warp/1.19',
          '--out':'elsewhere'}

@pytest.mark.parametrize('way', PLACES)
@pytest.mark.parametrize('number', KINDS)
def test_an_error_of_a_file_names_what_moves_it(number, way, tmp_path, monkeypatch, capsys):
    for name, folder in dict(GASCA_DATA='data', GASCA_MODELS='models/new',
                             WARP_CACHE_PATH='warp').items():
        monkeypatch.setenv(name, str(tmp_path/folder))
    path = str(tmp_path/PLACES[way])
    with pytest.raises(SystemExit): failing(number, path)
    said = capsys.readouterr().err
    assert len(said.splitlines())==1 and path in said and os.strerror(number) in said
    assert f'choose another folder with {way}' in said
    assert ('make room' in said)==(number==errno.ENOSPC)

@cli
def failing(number, path): raise OSError(number, os.strerror(number), path)

def test_braces_in_a_path_are_no_parameters(tmp_path):
    run_step(notebook(tmp_path/'{nbs}'), tmp_path/'{out}'/'demo.ipynb', tmp_path/'{nbs}')
    assert (tmp_path/'{out}'/'demo.ipynb').is_file()

def notebook(folder):
    "A step whose notebook stands in a folder."
    cells = [new_code_cell('seed = 0', metadata=dict(tags=['parameters']))]
    kernel = dict(kernelspec=dict(display_name='python3', language='python', name='python3'))
    save_json(folder/'demo.ipynb', new_notebook(cells=cells, metadata=kernel))
    return Step('demo', 1)

def removed(folder):
    "A kernel python3 of an environment that is gone."
    spec = dict(argv=['no/python', '{connection_file}'], display_name='', language='python')
    save_json(folder/'kernels'/'python3'/'kernel.json', spec)

def test_a_kernel_of_a_removed_environment_is_one_line(tmp_path, monkeypatch):
    removed(tmp_path)
    monkeypatch.setenv('JUPYTER_PATH', str(tmp_path)) # before all others
    with pytest.raises(GascaError, match='demo cannot begin: .*no/python'):
        run_step(notebook(tmp_path), tmp_path/'ran.ipynb', tmp_path)

@pytest.mark.skipif(not (Path(sys.prefix)/'share'/'jupyter'/'kernels'/'python3').exists(),
                    reason='this environment has no kernel of its own')
def test_a_kernel_left_in_the_home_folder_is_not_taken(tmp_path, monkeypatch):
    removed(tmp_path/'.local'/'share'/'jupyter')
    for name, value in STEP_ENV.items(): monkeypatch.setenv(name, value)
    monkeypatch.setenv('HOME', str(tmp_path))
    run_step(notebook(tmp_path), tmp_path/'ran.ipynb', tmp_path)
    assert json.loads((tmp_path/'ran.ipynb').read_text())

def test_kernels_leave_the_home_folder_alone(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path/'home'))
    (tmp_path/'home').mkdir()
    run_step(notebook(tmp_path), tmp_path/'out'/'ran.ipynb', tmp_path)
    assert not (tmp_path/'home'/'.ipython').exists()
    assert (tmp_path/'out'/'.ipython').is_dir()

# --- a scheduler

@pytest.mark.parametrize('says', [b'', b'SSH-2.0-OpenSSH_9.0\r\n', b'HTTP/1.0 400 Bad Request\r\n'])
def test_a_port_of_something_else_is_refused(says):
    pytest.importorskip('distributed')
    from gasca.replicate import on_cluster
    with socket.create_server(('127.0.0.1', 0)) as server:
        held = []

        def answer():
            while True:
                try: held.append(server.accept()[0])
                except OSError: return
                held[-1].sendall(says)
        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(GascaError, match='no scheduler answers at'):
            on_cluster(f'127.0.0.1:{server.getsockname()[1]}')

def test_a_reader_that_goes_is_no_error_of_what_watches(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr('gasca.runner.QUIET', .01)
    with patch('gasca.runner.show_line', side_effect=BrokenPipeError) as line:
        with watching(tmp_path/'bar', str):
            while not line.called: time.sleep(.01)
    assert capfd.readouterr().err==''
