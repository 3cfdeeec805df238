"What a licensed picture has touched is neither published nor described as free, nor added to git."
import shutil
import subprocess
from pathlib import Path

import pytest
from test_attack import finished  # noqa: F401

from gasca.core import GascaError, load_json, save_json, sha256
from gasca.report import article
from gasca.report import write as report
from gasca.use import cards, page
from gasca import replicate as command
from gasca.publish import gasca_publish
from gasca.replicate import gasca_replicate
from gasca.runs import PACKED, Runs, read_run, run_path, save_run, unpack

ROOT = Path(__file__).parent.parent
SEEN = [('pretrain_gasca2', 'rendered', False), ('cnn1_person', 'rendered', 'partly'),
        ('cnn2b', 'test_rendered', False), ('cnn2b', 'test_rendered', None),
        ('resnet34_image', 'rendered', None), ('recon', 'rendered', 'True')]

def retell(out, name, key, value):
    "Have a run file say another thing of its pictures, None: nothing; steps.json agrees with it."
    path = run_path(out, name, 0)
    run = read_run(path)
    inputs = {k:v for k, v in (run.inputs|{key:value}).items() if v is not None}
    save_run(path, inputs, run.result, run.versions)
    steps = out/'steps.json'
    if not steps.is_file(): return
    done = load_json(steps)
    for step in done.values(): step['files'][f'runs/{path.name}'] = sha256(path)
    save_json(steps, done)

@pytest.fixture
def clone(tmp_path, monkeypatch):
    "A clone with an empty reports/, which is the working folder."
    (tmp_path/'clone'/'nbs').mkdir(parents=True)
    (tmp_path/'clone'/'settings.ini').touch()
    monkeypatch.chdir(tmp_path/'clone')
    return tmp_path/'clone'

def refusal(f, capsys, **arguments):
    "The one line with which a command refuses."
    with pytest.raises(SystemExit) as e: f(**arguments)
    said = capsys.readouterr().err
    assert e.value.code==1 and len(said.splitlines())==1, said
    return said

@pytest.mark.parametrize('name, key, value', SEEN)
def test_nothing_real_is_published(name, key, value, finished, clone, capsys): # noqa: F811
    gasca_publish(preset='smoke', out=str(finished))
    assert name in Runs.of(clone/'reports'/'smoke')
    shutil.rmtree(clone/'reports')
    retell(finished, name, key, value)
    said = refusal(gasca_publish, capsys, preset='smoke', out=str(finished))
    assert f'{name}_seed0.json has seen pictures of ' in said and 'without --data' in said
    assert not (clone/'reports').exists()

@pytest.mark.parametrize('name, key, value', SEEN[:3])
def test_no_card_is_written_for_weights_that_saw_photographs(name, key, value, clone, monkeypatch,
                                                            capsys):
    unpack(ROOT/'reports'/'world', clone/'reports'/'world')
    retell(clone/'reports'/'world', name, key, value)
    written = []
    monkeypatch.setattr(cards, 'atomic', written.append)
    assert f'{name}_seed0.json has seen' in refusal(cards.gasca_cards, capsys)
    assert not written

@pytest.fixture
def photographed(clone):
    "A published run, of which one file says that it has seen photographs."
    shutil.copytree(ROOT/'reports'/'world', clone/'reports'/'world')
    unpack(ROOT/'reports'/'world', clone/'reports'/'world')
    for path in (clone/'reports'/'world').glob(f'*/{PACKED}'): path.unlink()
    retell(clone/'reports'/'world', *SEEN[0])
    return clone/'reports'

@pytest.mark.parametrize('make', [article.gasca_article, page.gasca_page])
def test_neither_article_nor_page_shows_what_saw_photographs(make, photographed, capsys):
    assert 'pretrain_gasca2_seed0.json has seen' in refusal(make, capsys)
    assert [path.name for path in photographed.iterdir()]==['world']

def test_a_report_of_photographs_stays_in_its_folder(photographed):
    with pytest.raises(GascaError, match='has seen pictures of'):
        report.front_page(photographed/'world')
    assert not (photographed/'README.md').exists()

def test_real_corpora_have_a_folder_of_their_own(clone, monkeypatch, capsys):
    plans = []
    monkeypatch.setattr(command, 'work_alone', lambda plan, *_: plans.append(plan))
    monkeypatch.setattr(command, 'compared', lambda plan: '')
    for data in ('', 'licensed'): gasca_replicate(preset='smoke', data=data)
    assert [plan.out for plan in plans]==[clone/'replication'/x for x in ('smoke', 'smoke-data')]

@pytest.mark.parametrize('out', ['reports', 'reports/mine', 'reports/full/mine'])
def test_real_corpora_are_kept_out_of_the_reports(out, clone, capsys):
    said = refusal(gasca_replicate, capsys, preset='smoke', data='licensed', out=out)
    assert 'is published' in said and 'another --out' in said
    assert not (clone/'reports').exists()

KEPT_OUT = ('licensed/KDEF/AF01/AF01ANS.JPG', 'faces/happy/a.png', 'data/real/kdef-1/images.npy',
            'models/full/a.safetensors', 'replication/full-data/report.md', 'normalised/a.png',
            'nbs/normalised/a.png', 'nbs/data/real/kdef-1/images.npy', 'tls/key.pem')

in_git = pytest.mark.skipif(not (ROOT/'.git').exists(), reason='not a clone')

def git(*args): return subprocess.run(['git', *args], cwd=ROOT, capture_output=True, text=True)

def kept_from_docker(file):
    "Say whether .dockerignore names a file's first folder, or any of them behind **/."
    names, parts = (ROOT/'.dockerignore').read_text().split(), Path(file).parts
    return parts[0] in names or any(f'**/{part}' in names for part in parts)

@in_git
@pytest.mark.parametrize('file', KEPT_OUT)
def test_git_and_docker_leave_pictures_out(file):
    assert git('check-ignore', '-q', '--no-index', file).returncode==0
    assert kept_from_docker(file)

@in_git
def test_git_and_docker_leave_no_source_out():
    assert git('ls-files', '-ci', '--exclude-standard').stdout==''
    assert [f for f in git('ls-files').stdout.splitlines() if kept_from_docker(f)]==[]
