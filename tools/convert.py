"""Take over foreign weights as a checkpoint of ours, for training (--init), evaluation and encoding on either engine.

    tandemclip convert --from open_clip open_clip_model.safetensors runs/vit_b_32 --activation quick_gelu
    tandemclip convert --from unicl yfcc14m.pth runs/unicl_swin_t
    tandemclip convert --from torchvision resnet50-0676ba61.pth runs/supervised_rn50
    tandemclip convert --from declip declip_rn50.pth.tar runs/declip_rn50_88m
    tandemclip convert --from slip slip_base.pt runs/slip_vitb16
    tandemclip convert --from bert bert-base-uncased runs/bert_base

The architecture is read from the shapes. Not open_clip's activation: OpenAI's weights and open_clip's "-quickgelu"
models need quick_gelu, open_clip's others gelu. The names are the same, and the wrong one gives wrong features without
a word. Arrays of theirs that have no place here are named. So are parts of training that their files do not have; these
start as drawn. A BERT is a folder of Hugging Face's, whose config.json says all; it becomes a text tower alone, for
--init.
"""

import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

from tandemclip.core.console import command_line
from tandemclip.core.errors import UserError

FAMILIES = ("open_clip", "unicl", "torchvision", "declip", "slip")  # modules of core/interop
BERT = "bert"  # a text tower, which is no whole method
WRAPPERS = ("module.", "_orig_mod.", "module.")  # data-parallel ones and torch.compile's, in either order
ACTIVATIONS = ("quick_gelu", "gelu")


def parser() -> command_line.Parser:
    parser = command_line.Parser(description=__doc__)
    parser.add_argument(
        "--from", dest="family", required=True, choices=(*FAMILIES, BERT), help="whose names the weights have"
    )
    parser.add_argument(
        "source", type=Path, metavar="SRC", help="a .safetensors file, or torch's with a state dict; a BERT's folder"
    )
    parser.add_argument("destination", type=Path, metavar="DST", help="a new folder, laid out as a run's")
    parser.add_argument("--activation", choices=ACTIVATIONS, help="what open_clip's weights were trained with")
    return parser


def main(argv=None):
    return command_line.run(_main, argv, goes_on=True)


def _main(argv):
    args = parser().parse_args(argv)
    if args.destination.exists():
        raise UserError(f"{args.destination} is already there; give a folder that is not, nothing is overwritten")
    if args.family == BERT:
        _bert(args)
    else:
        _method(args)


def _method(args):
    import numpy as np

    from tandemclip.core.config.build import build
    from tandemclip.core.interop.adapter import convert, left_behind, without_numbers
    from tandemclip.core.methods.method import Method
    from tandemclip.core.spec import count_parameters, initial_weights
    from tandemclip.core.training import checkpoint

    foreign, family = read(args.source), import_module(f"tandemclip.core.interop.{args.family}")
    shapes = {name: array.shape for name, array in foreign.items()}
    mapping = family.configuration(shapes, args.activation)
    tokenizer = _tokenizer(mapping)
    method = build(Method, mapping, "method")
    foreign = without_numbers(foreign, mapping)
    table = family.table(method, foreign)
    weights = convert(foreign, table, method)
    weights = {name: np.asarray(array, np.float32) for name, array in weights.items()}
    drawn = [name for name in method.declared() if name not in weights]
    if drawn:
        initial = initial_weights(method, 0)
        weights |= {name: initial[name] for name in drawn}
    named = {} if tokenizer is None else {"tokenizer": {"type": "clip_bpe"}}
    state = {"config": {"method": mapping, **named}, "tokenizer": tokenizer and tokenizer.to_json()}
    folder = checkpoint.save(args.destination, 0, weights, {}, state)
    print(f"{folder}: {count_parameters(method):,} parameters")
    for what, names in (("left behind", left_behind(table)), ("not in it, and as drawn", drawn)):
        if names:
            print(f"{what}: {', '.join(names)}")
    print("in no shape, and taken for what such weights have:", ", ".join(unseen(method)))


def _bert(args):
    """A checkpoint of the text tower alone, with the vocabulary that lies beside the weights."""
    import numpy as np

    from tandemclip.core.config.build import build
    from tandemclip.core.data.tokenizers import wordpiece_files
    from tandemclip.core.interop import bert
    from tandemclip.core.towers.tower import TextTower
    from tandemclip.core.training import checkpoint

    if args.activation is not None:
        raise UserError(f"--activation is {args.activation}, and config.json says a BERT's; leave it out")
    mapping = bert.configuration(bert.described(args.source))
    tower = build(TextTower, mapping | {"embed_dim": mapping["width"]}, bert.CONFIG)
    tower_weights, left = bert.text_tower(read(bert.arrays_of(args.source)), tower)
    tokenizer = None
    if wordpiece_files.has_vocabulary(args.source):
        tokenizer = wordpiece_files.read(args.source, tower.vocab_size)
    weights = {f"text.{name}": np.asarray(array, np.float32) for name, array in tower_weights.items()}
    state = {"config": {"method": {"text": mapping}}, "tokenizer": tokenizer and tokenizer.to_json()}
    folder = checkpoint.save(args.destination, 0, weights, {}, state)
    print(f"{folder}: {sum(array.size for array in weights.values()):,} parameters of a text tower")
    if left:
        print(f"left behind: {', '.join(left)}")
    if tokenizer is None:
        print("no vocabulary lies beside it (tokenizer.json, vocab.txt): init will compare none")
    print("take it over by init={from: " + str(args.destination) + ', parts: ["text.*"]}')


def _tokenizer(mapping: dict):
    """That of the method that a mapping describes; None where it reads no text."""
    from tandemclip.core.data.tokenizers.clip import ClipTokenizer

    if "text" not in mapping:
        return None
    if (ids := mapping["text"]["vocab_size"]) != ClipTokenizer.vocab_size:
        raise UserError(
            f"the text tower has {ids} ids; expected CLIP's {ClipTokenizer.vocab_size}: a model with another tokenizer "
            "cannot be taken over"
        )
    return ClipTokenizer()


def unseen(method) -> list[str]:
    """The constants that neither names nor shapes tell, with their values."""
    crop = method.inference_view()
    towers = [
        f"{name}.{field} {getattr(tower, field)}"
        for name, tower in (("image", method.image), ("text", method.text))
        for field in ("heads", "activation", "eps")
        if tower is not None and field in {each.name for each in fields(tower)}
    ]
    pictures = [f"{field} {getattr(crop, field)}" for field in ("resize", "crop_pct")]
    return [*towers, f"mean {list(crop.mean)}", f"std {list(crop.std)}", *pictures]


def read(path: Path) -> dict:
    """Arrays by their foreign names, without what wrappers put before all of them."""
    found = _read(path)
    if keys := [key for key in found if not isinstance(key, str)]:
        raise UserError(f"{path} holds an array by the key {keys[0]!r}, expected names; give it a state dict")
    for wrapper in WRAPPERS:
        if found and all(name.startswith(wrapper) for name in found):
            found = {name.removeprefix(wrapper): array for name, array in found.items()}
    return found


def _read(path: Path) -> dict:
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    try:
        from tandemclip.backends.torch import foreign
    except ModuleNotFoundError as error:
        raise UserError(f"{path} is torch's and {error.name} is not installed; give a .safetensors file") from error
    return foreign.read(path)


def read_safetensors(path: Path) -> dict:
    import safetensors

    try:
        with safetensors.safe_open(path, "np") as file:
            names = list(file.keys())
            if any(file.get_slice(name).get_dtype() == "BF16" for name in names):  # numpy has no such type
                raise UserError(f"{path} holds bfloat16 arrays; save them as float32 or float16 and convert that")
            return {name: file.get_tensor(name) for name in names}
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"{path} cannot be read as safetensors ({error}); give a whole file") from error


if __name__ == "__main__":
    sys.exit(main())
