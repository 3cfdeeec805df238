"Every test checks shapes and types: here, and in the processes that a test starts."
import os
import signal
import sys
import threading
from pathlib import Path

CHECKED = str(Path(__file__).parent/'checked')
LONG = ('test_replicate.py', 'test_real.py') # minutes each

def pytest_collection_modifyitems(items):
    "Begin with the longest files, so that all workers are busy to the end."
    items.sort(key=lambda item: item.path.name not in LONG)

def pytest_configure():
    if threading.current_thread() is threading.main_thread(): # started in the background, tests
        signal.signal(signal.SIGINT, signal.default_int_handler) # would hand on a deaf Ctrl-C
    before = os.environ.get('PYTHONPATH', '')
    if CHECKED not in before.split(os.pathsep):
        os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, [CHECKED, before]))
    if CHECKED not in sys.path: # a worker of pytest-xdist has the path of its parent
        sys.path.insert(0, CHECKED)
        sys.modules.pop('sitecustomize', None)
        import sitecustomize # noqa: F401
