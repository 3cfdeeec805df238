"owner/name from the hub: the real client against a hub of our own, on this machine"

import json
import os
import subprocess
import sys
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from gasca.use.models import GASCA

pytest.importorskip('huggingface_hub')
MAIN = '/someone/faces/resolve/main/'

ASK = """
import sys, torch
from gasca.core import GascaError
from gasca.use.models import GASCA
torch.manual_seed(0)
faces = torch.rand(2, 1, 48, 48)
try: print(GASCA.from_pretrained(sys.argv[1]).encode(faces).sum().item())
except GascaError as e: print('refused:', e)
"""

class Hub(BaseHTTPRequestHandler):
    "Answer as the hub does when a file of a repository is asked for."
    def do_HEAD(self): self.answer()

    def do_GET(self): self.answer()

    def answer(self):
        name = self.path.removeprefix(MAIN)
        path = self.server.folder/name
        known = self.path.startswith(MAIN)
        found = known and path.is_file()
        body = path.read_bytes() if found else b''
        self.send_response(200 if found else 404)
        if not found:
            self.send_header('X-Error-Code', 'EntryNotFound' if known else 'RepoNotFound')
        self.send_header('ETag', f'"{sha256(body).hexdigest()}"')
        self.send_header('X-Repo-Commit', '0'*40)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command=='GET': self.wfile.write(body)

    def log_message(self, *args): pass

@pytest.fixture
def hub(tmp_path):
    "A hub with one repository, someone/faces: what save_pretrained writes."
    server = ThreadingHTTPServer(('127.0.0.1', 0), Hub)
    server.folder = tmp_path/'faces'
    GASCA.from_pretrained('gasca2').save_pretrained(server.folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()

def ask(hub, cache, name):
    "Load a model in a process of its own that knows this hub only."
    env = dict(os.environ, HF_ENDPOINT=f'http://127.0.0.1:{hub.server_port}', HF_HOME=str(cache),
               HF_HUB_DISABLE_PROGRESS_BARS='1')
    env.pop('HF_HUB_OFFLINE', None)
    done = subprocess.run([sys.executable, '-c', ASK, name], env=env, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode==0, done.stderr
    return done.stdout.strip().splitlines()

def test_a_model_comes_from_the_hub_and_stays(hub, tmp_path):
    torch.manual_seed(0)
    faces = torch.rand(2, 1, 48, 48)
    shipped = GASCA.from_pretrained('gasca2').encode(faces).sum().item()
    fetched, = ask(hub, tmp_path/'cache', 'someone/faces')
    assert float(fetched)==pytest.approx(shipped, rel=1e-5)
    hub.shutdown()
    hub.server_close()
    assert ask(hub, tmp_path/'cache', 'someone/faces')==[fetched] # from the cache

def test_what_the_hub_has_not_is_one_line(hub, tmp_path):
    said = ask(hub, tmp_path/'cache', 'someone/else')
    assert len(said)==1 and said[0].startswith('refused: someone/else is neither here nor')
    (hub.folder/'model.safetensors').unlink()
    said = ask(hub, tmp_path/'cache', 'someone/faces')
    assert len(said)==1 and said[0].startswith('refused: someone/faces is neither here nor')

@pytest.mark.parametrize('name', ['some one/faces', 'someone/fa--ces'])
def test_a_name_that_the_hub_forbids_is_one_line(name, hub, tmp_path):
    said = ask(hub, tmp_path/'cache', name)
    assert len(said)==1 and said[0].startswith(f'refused: {name} is neither here nor')

def test_weights_of_another_card_are_refused(hub, tmp_path):
    card = json.loads((hub.folder/'model.json').read_text(encoding='utf-8'))
    (hub.folder/'model.json').write_text(json.dumps(card|dict(sha256='0'*64)), encoding='utf-8')
    said = ask(hub, tmp_path/'cache', 'someone/faces')
    assert len(said)==1 and 'another sha256' in said[0]

def test_the_hub_reads_what_a_card_says_is_reached(hub):
    from huggingface_hub import ModelCard
    told = ModelCard.load(hub.folder/'README.md').data
    assert (told.pipeline_tag, told.model_name)==('image-to-image', 'GASCA₂')
    assert [r.metric_type for r in told.eval_results]==['mae']*3
