"Figures do not show whose environment or matplotlibrc they were drawn with, and no backend stops."
import base64
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from test_attack import STUB, UNCHECKED
from test_report import copied

from gasca.core import load_json, save_json, sha256

ROOT = Path(__file__).parent.parent
SETTINGS = 'font.size: 15\nfont.family: serif\nlines.linewidth: 6\nsavefig.dpi: 33\n' \
           'savefig.facecolor: red\naxes.grid: True\nbackend: qtagg\n'
SESSION = 'import sys; from gasca.report.write import write_report; write_report(sys.argv[1])'

@pytest.fixture
def settings(tmp_path):
    "A folder with a matplotlibrc that nobody would miss in a picture."
    (tmp_path/'settings').mkdir()
    (tmp_path/'settings'/'matplotlibrc').write_text(SETTINGS)
    return tmp_path/'settings'

def run(*command, cwd=ROOT, **env):
    "Run a program; what it said of errors, which are none."
    env = dict(UNCHECKED, PYTHONPATH=str(ROOT))|env
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, text=True, capture_output=True)
    assert done.returncode==0, done.stderr
    return done.stderr

def script(name): return Path(sys.executable).with_name(name) # of this environment

def pictures(folder): return {f.name:sha256(f) for f in folder.glob('*.png')}

@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    "The figures of a report that nobody's settings touch."
    folder = copied(tmp_path_factory.mktemp('plain'))
    run(script('gasca_report'), folder)
    assert len(pictures(folder))>=4
    return pictures(folder)

INLINE = 'module://matplotlib_inline.backend_inline'

@pytest.mark.parametrize('backend', ['nonsense', INLINE], ids=('nonsense', 'inline'))
def test_a_command_draws_alike_whatever_the_settings(backend, plain, settings, tmp_path):
    folder = copied(tmp_path)
    said = run(script('gasca_report'), folder, cwd=settings, MPLBACKEND=backend,
               MATPLOTLIBRC=str(settings))
    assert pictures(folder)==plain and said==''

def test_a_session_with_a_matplotlibrc_writes_the_same_figures(plain, settings, tmp_path):
    folder = copied(tmp_path)
    run(sys.executable, '-c', SESSION, folder, MPLBACKEND='agg', MATPLOTLIBRC=str(settings))
    assert pictures(folder)==plain

def test_the_article_is_drawn_alike(settings, tmp_path):
    pytest.importorskip('typst', reason="typst is not installed: pip install 'gasca[article]'")
    hostile = dict(MPLBACKEND='nonsense', MATPLOTLIBRC=str(settings), SOURCE_DATE_EPOCH='0')
    for name, env in dict(plain=dict(SOURCE_DATE_EPOCH='0'), hostile=hostile).items():
        args = '--out', ROOT/'reports'/'world', '--pdf', tmp_path/f'{name}.pdf'
        run(script('gasca_article'), *args, **env)
    assert sha256(tmp_path/'plain.pdf')==sha256(tmp_path/'hostile.pdf')

CELLS = ['seed = 0', 'import matplotlib.pyplot as plt', "plt.plot([0, 1], 'r', lw=20)",
         "plt.plot([1, 0], 'b', lw=20)", "print(plt.rcParams['font.size'])"]

def test_a_step_draws_each_figure_in_its_cell(settings, tmp_path):
    (tmp_path/'nbs').mkdir()
    (tmp_path/'settings.ini').touch()
    cells = [new_code_cell(code) for code in CELLS]
    kernel = dict(kernelspec=dict(display_name='python3', language='python', name='python3'))
    save_json(tmp_path/'nbs'/'demo.ipynb', new_notebook(cells=cells, metadata=kernel))
    (tmp_path/'run.py').write_text(STUB)
    run(sys.executable, 'run.py', '--preset', 'smoke', '--out', 'out', cwd=tmp_path,
        MPLBACKEND='agg', MATPLOTLIBRC=str(settings), GASCA_MODELS=str(tmp_path/'models'))
    made = load_json(tmp_path/'out'/'notebooks'/'demo.ipynb')['cells'][2:]
    shown = [[o['data']['image/png'] for o in c['outputs'] if 'image/png' in o.get('data', {})]
             for c in made]
    assert [len(images) for images in shown]==[1, 1, 0]
    red, blue = ([(picture(image)==c).all(2).any() for c in ((255, 0, 0), (0, 0, 255))]
                 for images in shown for image in images)
    assert (red, blue)==([True, False], [False, True]) # and not into each other
    assert ''.join(made[2]['outputs'][0]['text'])=='10.0\n'

def picture(image):
    "An output's picture, uint8 [h,w,3]."
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image))).convert('RGB'))
