"""A folder of transformers' BertModel as our text tower: features on both engines, and a run that starts from it."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch
from transformers import BertConfig, BertForPreTraining, BertModel, BertTokenizer

from tandemclip import backends
from tandemclip.core.closeness import error
from tandemclip.core.config.build import build
from tandemclip.core.data.tokenizers.tokenizer import from_json
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.towers.resnet import ResNet
from tandemclip.core.towers.tower import TextTower
from tandemclip.core.training import checkpoint
from tandemclip.core.training.update import AdamW
from tandemclip.tools import convert, train

SMALL = {"vocab_size": 60, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4}
SMALL |= {"intermediate_size": 96, "max_position_embeddings": 14, "layer_norm_eps": 1e-3}
TOKENS = "[PAD] [UNK] [CLS] [SEP] [MASK] a red seven and blue two green one zero ##s s".split()
LENGTHS = (12, 2, 7, 3)  # of texts, start and end among them


def random_bert(cls=BertModel, **more):
    torch.manual_seed(0)
    model = cls(BertConfig(**SMALL | more))
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():  # no norm of ones and zeros, and no row of padding of zeros
                tensor.add_(torch.randn_like(tensor) * 0.2)
    return model.eval()


def folder_of(model, path, tokens=TOKENS):
    model.save_pretrained(path)
    if tokens:
        (path / "vocab.txt").write_text("\n".join(tokens), encoding="utf-8")
    return path


def converted(folder, run):
    assert convert.main(["--from", "bert", str(folder), str(run)]) == 0
    return checkpoint.load(checkpoint.resolve(run))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(transformers' model, what it was converted to)"""
    path, model = tmp_path_factory.mktemp("bert"), random_bert()
    return model, converted(folder_of(model, path / "theirs"), path / "run")


def method_of(saved, pool, context_length=12):
    fields = {"context_length": context_length, "embed_dim": 6, "pool": pool}
    return CLIP(
        ResNet(16, (1, 1), 6, width=4, stem="tiny"),
        build(TextTower, saved.state["config"]["method"]["text"] | fields),
    )


def captions():
    ids = np.zeros((len(LENGTHS), 12), np.int32)
    for row, length in zip(ids, LENGTHS):
        row[:length] = [2, *generator("captions", length).integers(5, 60, length - 2), 3]
    return ids


@pytest.mark.parametrize("pool", ["first", "pooler", "mean"])
@pytest.mark.parametrize("backend, modes", [("torch", {}), ("mindspore", {}), ("mindspore", {"eager": True})])
def test_features_are_those_of_transformers(whole, backend, modes, pool):
    """Of texts of several lengths, each by its own mask, and the embedding behind a projection."""
    theirs, saved = whole
    method, ids = method_of(saved, pool), captions()
    taken = {name: array for name, array in saved.model.items() if name in method.declared()}
    weights = initial_weights(method, 0) | taken
    with torch.no_grad():
        found = theirs(torch.from_numpy(ids).long(), attention_mask=torch.from_numpy(ids != 0).long())
    last, mask = found.last_hidden_state.numpy(), (ids != 0)[:, :, None]
    wanted = {"first": last[:, 0], "pooler": found.pooler_output.numpy(), "mean": (last * mask).sum(1) / mask.sum(1)}
    embedded = wanted[pool] @ weights["text.projection.weight"].T
    engine = backends.load(backend)(method, weights, AdamW(), **modes)
    unit = embedded / np.linalg.norm(embedded, axis=1, keepdims=True)
    assert error(engine.encode_text(ids), unit) < 1e-5
    if backend == "torch":
        scope = engine.model.scope(False).text
        given = torch.from_numpy(ids)
        assert error(scope.features(given).detach().numpy(), wanted[pool]) < 1e-5
        tokens, there = (x.detach().numpy() for x in scope.tokens(given))
        assert (there == (ids != 0)).all() and error(tokens * there[:, :, None], last * mask) < 1e-5


def test_what_the_folder_says_stands_in_the_checkpoint(whole):
    theirs, saved = whole
    told = saved.state["config"]["method"]["text"]
    sizes = {"type": "bert", "vocab_size": 60, "width": 24, "layers": 3, "heads": 4, "max_positions": 14}
    assert told == sizes | {"context_length": 14, "token_types": 2, "eps": 1e-3} and saved.step == 0
    assert "text.pool.weight" in saved.model and "text.projection.weight" not in saved.model
    assert sum(array.size for array in saved.model.values()) == sum(p.numel() for p in theirs.parameters())
    tokenizer = from_json(saved.state["tokenizer"])
    assert tokenizer.vocab_size == 60 and tokenizer(["a reds"], 6)[0].tolist() == [2, 5, 6, 14, 3, 0]


def test_heads_and_old_names_and_torchs_files(whole, tmp_path, capsys):
    """What stands around an encoder is left out by name; the first releases call a norm's arrays gamma and beta."""
    model = random_bert(BertForPreTraining)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    old = lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    state = {old(name): tensor for name, tensor in state.items()}
    state["bert.embeddings.position_ids"] = torch.arange(14)[None]
    folder = folder_of(model, tmp_path / "theirs", None)
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    saved = converted(folder, tmp_path / "run")
    told = capsys.readouterr().out
    assert "cls.seq_relationship.weight" in told and "bert.embeddings.position_ids" in told
    assert "no vocabulary lies beside it" in told and saved.state["tokenizer"] is None
    theirs = model.bert.state_dict()
    assert np.array_equal(saved.model["text.input_norm.weight"], theirs["embeddings.LayerNorm.weight"])
    key = saved.model["text.blocks.2.attention.qkv.weight"][24:48]
    assert np.array_equal(key, theirs["encoder.layer.2.attention.self.key.weight"])


def test_a_bert_without_its_pooler(tmp_path):
    model = BertModel(BertConfig(**SMALL), add_pooling_layer=False)
    saved = converted(folder_of(model, tmp_path / "theirs"), tmp_path / "run")
    assert not [name for name in saved.model if "pool" in name] and len(saved.model) == 3 + 2 + 3 * 12


def test_a_run_starts_from_it(root, tmp_path, capsys):
    """`init` takes the tower, compares its constants and its vocabulary, and leaves the projection as drawn."""
    folder = folder_of(random_bert(), tmp_path / "theirs")
    converted(folder, tmp_path / "run")
    sizes = {"vocab_size": 60, "width": 24, "layers": 3, "heads": 4, "max_positions": 14, "eps": 1e-3}
    tower = [f"method.text.{name}={value}" for name, value in sizes.items()]
    config = root / "configs" / "pretrain" / "tiny_unicl_bert.yaml"

    def start(out, *more):
        given = ["--config", config, "--out", tmp_path / out, "--init", tmp_path / "run", "--max-steps", 1, "--set"]
        own = ["data.tokenizer.vocab_size=60", f"data.tokenizer.file={folder}", 'init.parts=["text.*"]']
        return train.main([*map(str, given), *tower, *own, "training.learning_rate=1e-9", *more])

    assert start("tuned") == 0
    assert "left behind in it: 2 (text.pool.bias, text.pool.weight)" in capsys.readouterr().out
    state = checkpoint.load(checkpoint.latest(tmp_path / "tuned")).state
    assert [name for name in state["init"]["start"] if name.startswith("text.")] == ["text.projection.weight"]
    assert start("pooled", "method.text.pool=pooler") == 2
    assert "text.pool is 'first' there and 'pooler' here" in capsys.readouterr().err
    assert start("pooled", "method.text.pool=pooler", "init.accept=[text.pool]") == 0
    assert "left behind" not in capsys.readouterr().out
    assert start("other", "method.text.eps=1e-12") == 2
    assert "text.eps is 0.001 there and 1e-12 here" in capsys.readouterr().err
    (folder / "vocab.txt").write_text("\n".join([*TOKENS[:-1], "t"]), encoding="utf-8")
    assert start("third") == 2
    assert "'s' is 15" in capsys.readouterr().err


def refused(capsys, folder, run, *words, more=()):
    capsys.readouterr()  # transformers draws a bar
    assert convert.main(["--from", "bert", str(folder), str(run), *more]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and not [word for word in words if word not in told] and not run.exists(), told


def test_what_is_no_bert_is_refused(tmp_path, capsys):
    model, run = random_bert(), tmp_path / "run"
    folder = folder_of(model, tmp_path / "theirs")
    config, arrays = folder / "config.json", folder / "model.safetensors"
    told, state = json.loads(config.read_text()), model.state_dict()
    refused(capsys, folder, run, "--activation is gelu", "leave it out", more=["--activation", "gelu"])
    for key, value, expected in (
        ("model_type", "roberta", "'bert'"),
        ("hidden_act", "relu", "'gelu'"),
        ("intermediate_size", 48, "96"),
        ("position_embedding_type", "relative_key", "'absolute'"),
        ("is_decoder", True, "False"),
    ):
        config.write_text(json.dumps(told | {key: value}))
        refused(capsys, folder, run, f"config.json says {key} {value!r}, expected {expected}")
    config.write_text(json.dumps({key: value for key, value in told.items() if key != "hidden_size"}))
    refused(capsys, folder, run, "config.json does not say hidden_size")
    config.write_text(json.dumps(told | {"num_hidden_layers": 2}))
    refused(capsys, folder, run, "not expected", "encoder.layer.2")
    config.write_text(json.dumps(told | {"num_hidden_layers": 4}))
    refused(capsys, folder, run, "missing", "encoder.layer.3.attention.self.qkv.weight")
    config.write_text(json.dumps(told | {"vocab_size": 61}))
    refused(capsys, folder, run, "embeddings.word_embeddings.weight (60, 24) for tokens (61, 24)")
    config.write_text(json.dumps(told))
    key = "encoder.layer.1.attention.self.key.weight"
    safetensors.torch.save_file(state | {key: torch.zeros(24, 8)}, arrays)
    refused(capsys, folder, run, "encoder.layer.1.attention.self.key.weight", "expected equal ones")
    safetensors.torch.save_file(state | {"pooler.dense.bias": torch.full((24,), float("nan"))}, arrays)
    refused(capsys, folder, run, "pooler.dense.bias", "not finite")
    arrays.unlink()
    refused(capsys, folder, run, "neither model.safetensors nor pytorch_model.bin")
    config.write_text("{")
    refused(capsys, folder, run, "config.json is no JSON")
    refused(capsys, tmp_path / "none", run, "config.json cannot be read")


def test_the_vocabulary_beside_the_weights_must_fit_them(tmp_path, capsys):
    folder = folder_of(random_bert(), tmp_path / "theirs", [*TOKENS, *map(str, range(60))])
    refused(capsys, folder, tmp_path / "run", "76 ids", "60")
    (folder / "vocab.txt").write_text("\n".join(TOKENS), encoding="utf-8")
    BertTokenizer(str(folder / "vocab.txt"), do_lower_case=False).save_pretrained(folder)
    saved = converted(folder, tmp_path / "run")
    assert from_json(saved.state["tokenizer"])(["A"], 3)[0, 1] == 1  # as the files say
