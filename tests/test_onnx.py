"The ONNX files say what torch says, to 1e-6, for any number of faces."
import numpy as np
import pytest
import torch

from gasca.core import GascaError
from gasca.use.models import GASCA, EmotionClassifier

MODELS = dict(gasca1=GASCA, gasca2=GASCA, cnn2a=EmotionClassifier)

@pytest.mark.parametrize('name', MODELS)
def test_onnx_says_what_torch_says(name, tmp_path):
    reason = "the extra onnx is not installed: pip install 'gasca[onnx]'"
    reference = pytest.importorskip('onnx.reference', reason=reason)
    pytest.importorskip('onnxscript', reason=reason)
    model = MODELS[name].from_pretrained(name)
    model.save_onnx(tmp_path/'model.onnx')
    onnx = reference.ReferenceEvaluator(str(tmp_path/'model.onnx'))
    for n in (1, 5):
        x = torch.rand(n, 1, model.px, model.px, generator=torch.Generator().manual_seed(n))
        with torch.no_grad(): expected = model.printed()(x).numpy()
        said, = onnx.run(None, dict(faces=x.numpy()))
        assert said.shape==expected.shape and np.abs(said-expected).max()<1e-6
    assert [f.name for f in tmp_path.iterdir()]==['model.onnx'] # nothing beside it

def test_without_the_extra_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'onnxscript', None)
    with pytest.raises(GascaError, match='pip install'):
        GASCA.from_pretrained('gasca1').save_onnx(tmp_path/'model.onnx')
