"Check the shapes and types of gasca's functions, in every Python that has this folder on its path."
import sys
from pathlib import Path

from beartype.claw import beartype_packages
from jaxtyping import install_import_hook
from lenient import CONF

PACKAGE = Path(__file__).resolve().parents[2]/'gasca'
sys.dont_write_bytecode = False # else all that a checked module imports is compiled every time

def modules(shapes):
    "Name the modules whose annotations have shapes, or the others; without the renderer's."
    files = [f for f in sorted(PACKAGE.rglob('*.py')) if not f.name.startswith('_')]
    chosen = [f for f in files if ('jaxtyping' in f.read_text(encoding='utf-8'))==shapes]
    names = ['.'.join(f.relative_to(PACKAGE.parent).with_suffix('').parts) for f in chosen]
    return [name for name in names if not name.startswith('gasca.faces')] # warp reads their source

install_import_hook(modules(shapes=True), 'lenient.check')
beartype_packages(modules(shapes=False), conf=CONF)
