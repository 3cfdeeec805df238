"Check the shapes and types of gasca's functions, in every Python that has this folder on its path."
from pathlib import Path

from jaxtyping import install_import_hook

PACKAGE = Path(__file__).resolve().parents[2]/'gasca'

def modules():
    "Name all modules but the renderer's, whose kernels warp translates from their source."
    names = ['.'.join(f.relative_to(PACKAGE.parent).with_suffix('').parts)
             for f in sorted(PACKAGE.rglob('*.py')) if not f.name.startswith('_')]
    return [name for name in names if not name.startswith('gasca.faces')]

install_import_hook(modules(), 'lenient.check')
