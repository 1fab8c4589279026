"""What `type` in a configuration may name: {base class: {name: class}}, both as "module:Class" within
`tandemclip.core`.

As text, so that naming a class imports nothing: this room lies under all those that it names, and `--help` waits for
none of them. A preset (core/towers/presets.py) is a tower's name with fields.
"""

from tandemclip.core.towers.presets import PRESETS

TYPES = {
    "methods.method:Method": {
        "clip": "methods.clip:CLIP",
        "pyramidclip": "methods.pyramidclip:PyramidCLIP",
        "unicl": "methods.unicl:UniCL",
        "cross_entropy": "methods.cross_entropy:CrossEntropy",
        "multi_task": "methods.multi_task:MultiTask",
        "supcon": "methods.supcon:SupCon",
        "lightclip": "methods.lightclip:LightCLIP",
        "siglip": "methods.siglip:SigLIP",
        "slip": "methods.slip:SLIP",
        "declip": "methods.declip:DeCLIP",
        "defilip": "methods.defilip:DeFILIP",
        "filip": "methods.filip:FILIP",
    },
    "towers.tower:ImageTower": {
        "vit": "towers.vit:VisionTransformer",
        "modified_resnet": "towers.modified_resnet:ModifiedResNet",
        "resnet": "towers.resnet:ResNet",
        "basic_resnet": "towers.basic_resnet:BasicResNet",
        "mobilenet_v2": "towers.mobilenet:MobileNetV2",
        "swin": "towers.swin:SwinTransformer",
    },
    "towers.tower:TextTower": {
        "text_transformer": "towers.text:TextTransformer",
        "text_embedding": "towers.text_embedding:TextEmbedding",
        "bert": "towers.bert:Bert",
    },
    "data.sources.source:Source": {
        "scenes": "data.scenes.scenes:Scenes",
        "shards": "data.sources.shards:Shards",
        "captions_table": "data.sources.captions_table:CaptionsTable",
        "coco_captions": "data.sources.coco_captions:CocoCaptions",
        "coco_objects": "data.sources.coco_objects:CocoObjects",
        "voc_objects": "data.sources.voc_objects:VocObjects",
        "class_folder": "data.sources.class_folder:ClassFolder",
        "listed_folders": "data.sources.archives.listed_folders:ListedFolders",
        "oxford_pets": "data.sources.archives.oxford_pets:OxfordPets",
        "fgvc_aircraft": "data.sources.archives.fgvc_aircraft:FgvcAircraft",
        "stanford_cars": "data.sources.archives.stanford_cars:StanfordCars",
        "flowers102": "data.sources.archives.flowers102:Flowers102",
        "gtsrb": "data.sources.archives.gtsrb:Gtsrb",
        "hateful_memes": "data.sources.archives.hateful_memes:HatefulMemes",
        "kitti_distance": "data.sources.archives.kitti_distance:KittiDistance",
        "cifar": "data.sources.archives.cifar:Cifar",
        "idx": "data.sources.archives.idx:Idx",
        "stl10": "data.sources.archives.stl10:Stl10",
        "fer2013": "data.sources.archives.fer2013:Fer2013",
        "voc_classes": "data.sources.archives.voc_classes:VocClasses",
        "clip_benchmark": "data.sources.archives.clip_benchmark:ClipBenchmark",
        "karpathy": "data.sources.archives.karpathy:Karpathy",
        "first": "data.sources.first:First",
        "one_after_another": "data.sources.one_after_another:OneAfterAnother",
        "together": "data.sources.together:Together",
        "balanced": "data.sources.balanced:Balanced",
        "share": "data.sources.part:Share",
        "of_each_class": "data.sources.of_each_class:OfEachClass",
        "without_classes": "data.sources.part:WithoutClasses",
    },
    "data.tokenizers.tokenizer:TokenizerConfig": {
        "clip_bpe": "data.tokenizers.tokenizer:ClipBpe",
        "trained": "data.tokenizers.tokenizer:Trained",
        "wordpiece": "data.tokenizers.tokenizer:WordPiece",
    },
    "training.evaluation:Evaluation": {
        "one_by_one": "evaluation.protocols.one_by_one:OneByOne",
        "zero_shot": "evaluation.protocols.zero_shot:ZeroShot",
        "retrieval": "evaluation.protocols.retrieval:Retrieval",
        "own_classes": "evaluation.protocols.own_classes:OwnClasses",
        "k_nearest": "evaluation.protocols.k_nearest:KNearest",
        "linear_probe": "evaluation.protocols.linear_probe:LinearProbe",
        "parametric_probe": "evaluation.protocols.parametric_probe:ParametricProbe",
        "few_shot": "evaluation.protocols.few_shot:FewShot",
        "label_mapping": "evaluation.protocols.label_mapping:LabelMapping",
    },
    "training.update:UpdateRule": {
        "adamw": "training.update:AdamW",
        "sgd": "training.update:SGD",
    },
}
# {base class: (the base of what may stand there too, the class that is made of it)}
HOLDERS = {"training.evaluation:Evaluation": ("data.sources.source:Source", "evaluation.protocols.fitting:Fitting")}
WITHIN = "tandemclip.core."


def known(base: type) -> dict[str, tuple[str, dict]]:
    """{name: ("module:Class", fields it starts from)} of what may stand where `base` is asked for."""
    place = _place(base)
    plain = TYPES.get(place, {}) | (TYPES[HOLDERS[place][0]] if place in HOLDERS else {})
    presets = {name: (plain[kind], fields) for name, (kind, fields) in PRESETS.items() if kind in plain}
    return {name: (WITHIN + place, {}) for name, place in plain.items()} | {
        name: (WITHIN + place, fields) for name, (place, fields) in presets.items()
    }


def holder(base: type) -> str | None:
    """The "module:Class" that holds an object which is no `base` where one is asked for; None where it is taken as it
    is.
    """
    place = _place(base)
    return WITHIN + HOLDERS[place][1] if place in HOLDERS else None


def _place(base: type) -> str:
    return f"{base.__module__}:{base.__qualname__}".removeprefix(WITHIN)
