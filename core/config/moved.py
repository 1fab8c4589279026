"""Where modules lie now that a stored configuration may still name by an older place: {old: new}, within
`tandemclip`.
"""

MOVED = {
    "core.data.augment": "core.data.views.augment",
    "core.data.bad_records": "core.data.loading.bad_records",
    "core.data.balanced": "core.data.sources.balanced",
    "core.data.captions_table": "core.data.sources.captions_table",
    "core.data.class_folder": "core.data.sources.class_folder",
    "core.data.clip_tokenizer": "core.data.tokenizers.clip",
    "core.data.coco_captions": "core.data.sources.coco_captions",
    "core.data.crop": "core.data.views.crop",
    "core.data.first": "core.data.sources.first",
    "core.data.image_files": "core.data.sources.image_files",
    "core.data.kept": "core.data.sources.file_cache",
    "core.data.linear_probe": "core.evaluation.protocols.linear_probe",
    "core.data.loader": "core.data.loading.loader",
    "core.data.mix": "core.data.views.mix",
    "core.data.one_after_another": "core.data.sources.one_after_another",
    "core.data.one_by_one": "core.evaluation.protocols.one_by_one",
    "core.data.order": "core.data.sources.order",
    "core.data.pairing": "core.training.diagnosis.pairing",
    "core.data.part": "core.data.sources.part",
    "core.data.scene_drawing": "core.data.scenes.drawing",
    "core.data.scene_plan": "core.data.scenes.plan",
    "core.data.scenes": "core.data.scenes.scenes",
    "core.data.shard_index": "core.data.sources.shard_index",
    "core.data.shard_writer": "core.data.sources.shard_writer",
    "core.data.shards": "core.data.sources.shards",
    "core.data.sources": "core.data.sources.source",
    "core.data.sources.linear_probe": "core.evaluation.protocols.linear_probe",
    "core.data.sources.one_by_one": "core.evaluation.protocols.one_by_one",
    "core.data.together": "core.data.sources.together",
    "core.data.token_ids": "core.data.tokenizers.token_ids",
    "core.data.tokenizer": "core.data.tokenizers.tokenizer",
    "core.data.trained_tokenizer": "core.data.tokenizers.trained",
    "core.data.workers": "core.data.loading.workers",
}
# views.py held several kinds, which lie in a file each
MOVED_CLASSES = {
    "core.data.views:CentreView": "core.data.views.image:CentreView",
    "core.data.views:ClassView": "core.data.views.label:ClassView",
    "core.data.views:DrawsView": "core.data.views.draws:DrawsView",
    "core.data.views:ImageView": "core.data.views.image:ImageView",
    "core.data.views:LabelView": "core.data.views.label:LabelView",
    "core.data.views:RoiView": "core.data.views.rois:RoiView",
    "core.data.views:TextView": "core.data.views.text:TextView",
    "core.data.views:View": "core.data.views.view:View",
}


def current(name: str) -> str:
    """ "tandemclip.core.data.scenes:Scenes" -> where that class lies now; any other name as it is."""
    place = name.removeprefix("tandemclip.")
    if place == name:
        return name
    module, _, attribute = MOVED_CLASSES.get(place, place).partition(":")
    return f"tandemclip.{MOVED.get(module, module)}:{attribute}"
