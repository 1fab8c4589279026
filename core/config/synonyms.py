"""What other tools call our keys: {our key: {their name: whose it is, and where it counts otherwise}}.

open_clip: flags and model configs of 2.x and 3.x. timm: train.py and the arguments of its models. HF: the
configurations and TrainingArguments of Hugging Face transformers. Others by their names.
"""

TOWER = {
    "resolution": {"image_size": "open_clip, HF", "img_size": "timm", "input_size": "timm"},
    "patch": {"patch_size": "open_clip, timm, HF"},
    "width": {"hidden_size": "HF", "hidden_dim": "torchvision", "dim": "timm"},
    "layers": {"depth": "timm", "num_layers": "torchvision", "num_hidden_layers": "HF"},
    "depths": {"depth": "timm", "num_layers": "torchvision"},
    "heads": {"num_heads": "timm", "num_attention_heads": "HF", "head_width": "open_clip: width / heads"},
    "embed_dim": {"projection_dim": "HF", "output_dim": "CLIP"},
    "window": {"window_size": "timm, HF"},
    "drop_path": {"drop_path_rate": "timm, HF"},
    "eps": {"layer_norm_eps": "HF"},
    "activation": {"hidden_act": "HF", "act_layer": "timm", "quick_gelu": "open_clip: true or false"},
    "vocab_size": {"num_embeddings": "torch"},
    "context_length": {"max_length": "HF", "max_position_embeddings": "HF"},
    "pool": {"pool_type": "open_clip", "global_pool": "timm"},
}
TRAINING = {
    "batch_size": {
        "batch": "Ultralytics",
        "per_device_train_batch_size": "HF: of one device, here of all together",
        "global_batch_size": "Megatron",
        "train_batch_size": "DeepSpeed",
    },
    "learning_rate": {"lr": "open_clip, timm, torch", "base_lr": "detectron2"},
    "steps": {"max_steps": "HF", "max_iters": "mmengine", "total_steps": "torch", "max_train_steps": "HF's examples"},
    "epochs": {
        "num_train_epochs": "HF",
        "max_epochs": "Lightning, mmengine",
        "num_epochs": "torch's tutorials",
    },
    "warmup": {
        "warmup_steps": "HF",
        "warmup_ratio": "HF",
        "warmup_epochs": "timm: in epochs",
        "num_warmup_steps": "HF",
    },
    "floor": {"min_lr": "timm", "lr_cooldown_end": "open_clip", "eta_min": "torch"},
    "update": {"optimizer": "torch, mmengine", "opt": "open_clip, timm", "optim": "HF"},
    "update.decay": {"weight_decay": "timm, HF, torch", "wd": "open_clip"},
    "update.beta1": {"adam_beta1": "HF", "betas": "torch: beta1 and beta2"},
    "update.beta2": {"adam_beta2": "HF"},
    "update.eps": {"adam_epsilon": "HF", "opt_eps": "timm"},
    "clip": {
        "grad_clip_norm": "open_clip",
        "clip_grad": "timm, mmengine",
        "max_grad_norm": "HF",
        "gradient_clip_val": "Lightning",
        "grad_clip": "mmcv",
    },
    "seed": {"random_state": "scikit-learn", "manual_seed": "torch"},
    "precision": {"amp": "timm", "bf16": "HF", "fp16": "HF", "dtype": "torch", "torch_dtype": "HF"},
    "accumulate": {
        "accum_freq": "open_clip: there it makes batches larger, here it cuts them",
        "grad_accum_steps": "timm: there it makes batches larger, here it cuts them",
        "gradient_accumulation_steps": "HF: there it makes batches larger, here it cuts them",
        "accumulate_grad_batches": "Lightning: there it makes batches larger, here it cuts them",
    },
    "groups": {
        "param_groups": "torch",
        "paramwise_cfg": "mmengine",
        "lock_image": "open_clip: a pattern with frozen: true",
        "lock_text": "open_clip: a pattern with frozen: true",
        "freeze": "Ultralytics: a pattern with frozen: true",
    },
    "ema": {"model_ema_decay": "timm"},
    "evaluate_every": {
        "val_frequency": "open_clip: in epochs",
        "zeroshot_frequency": "open_clip: in epochs",
        "eval_steps": "HF",
        "val_interval": "mmengine",
    },
    "checkpoint_every": {
        "save_frequency": "open_clip: in epochs",
        "save_steps": "HF",
        "save_interval": "fairseq: in epochs",
    },
    "keep.last": {"save_total_limit": "HF", "checkpoint_hist": "timm", "max_keep_ckpts": "mmengine"},
    "keep.best": {
        "metric_for_best_model": "HF",
        "load_best_model_at_end": "HF: the best one is kept, and taken where RUN/best is named",
        "eval_metric": "timm",
        "save_best": "mmengine",
        "monitor": "Lightning",
    },
    "stop_after": {"early_stopping_patience": "HF", "patience": "Lightning, mmengine, Ultralytics: in epochs"},
}
CROP = {
    "area": {"scale": "open_clip, timm, torchvision"},
    "flip": {"hflip": "timm: a chance"},
    "mean": {"image_mean": "open_clip, HF"},
    "std": {"image_std": "open_clip, HF"},
    "rand_augment": {"auto_augment": "timm", "aa": "timm"},
    "erase": {"reprob": "timm", "re_prob": "open_clip"},
    "resize": {"interpolation": "timm", "image_interpolation": "open_clip"},
    "moco_v2": {"color_jitter": "open_clip, timm"},
}
METHOD = {
    "image": {"vision_cfg": "open_clip", "vision_config": "HF", "visual": "CLIP", "backbone": "mmdet"},
    "text": {"text_cfg": "open_clip", "text_config": "HF", "transformer": "CLIP"},
    "crop": {"aug_cfg": "open_clip"},
    "temperature": {
        "init_logit_scale": "open_clip: ln(1 / temperature)",
        "logit_scale_init_value": "HF: ln(1 / temperature)",
        "tau": "papers",
    },
    "alpha": {"label_smoothing": "torch", "smoothing": "timm"},
    "smoothing": {"label_smoothing": "torch"},
    "labels": {"num_classes": "timm", "num_labels": "HF"},
    "bias": {"init_logit_bias": "open_clip", "logit_bias_init_value": "HF"},
}
DATA = {
    "train": {"train_data": "open_clip", "train_dataset": "HF", "dataset": "timm, mmdet", "data_dir": "timm"},
    "evaluate": {"val_data": "open_clip", "imagenet_val": "open_clip", "eval_dataset": "HF"},
    "tokenizer": {"hf_tokenizer_name": "open_clip"},
    "workers": {"num_workers": "torch", "dataloader_num_workers": "HF"},
    "train.folder": {"root": "torchvision"},
    "train.path": {"root": "torchvision", "data_dir": "timm, HF", "data_files": "HF"},
    "train.paths": {"urls": "webdataset", "data_dir": "timm, HF", "data_files": "HF"},
    "train.path_column": {"csv_img_key": "open_clip"},
    "train.caption_column": {"csv_caption_key": "open_clip"},
}
SECTIONS = {
    "": {
        "method": {"model": "open_clip, timm, mmdet"},
        "init": {"pretrained": "open_clip, timm", "load_from": "mmengine", "initial_checkpoint": "timm"},
    },
    "training": TRAINING,
    "method": METHOD,
    "method.image": TOWER,
    "method.text": TOWER,
    "method.crop": CROP,
    "data": DATA,
}
SYNONYMS = {
    f"{section}.{key}" if section else key: theirs for section, keys in SECTIONS.items() for key, theirs in keys.items()
}

# What other tools call the values of our `type`s, in small letters: {our type: {their name: whose it is}}.
VALUES = {
    "class_folder": {"imagefolder": "torchvision, HF", "image_folder": "timm", "folder": "timm"},
    "shards": {"webdataset": "open_clip, HF", "wds": "timm"},
    "captions_table": {"csv": "open_clip", "tsv": "open_clip"},
    "scenes": {"synthetic": "open_clip"},
    "coco_captions": {"cococaptions": "torchvision", "coco": "torchvision, mmdet"},
    "coco_objects": {"cocodetection": "torchvision", "cocodataset": "mmdet", "coco": "torchvision, mmdet"},
    "voc_objects": {"vocdetection": "torchvision", "vocdataset": "mmdet", "voc": "torchvision, mmdet"},
    "adamw": {"adamw_torch": "HF", "adamw_torch_fused": "HF", "adam": "torch: adamw decays weights apart from it"},
    "clip_bpe": {"simpletokenizer": "open_clip", "cliptokenizer": "HF"},
    "text_transformer": {"texttransformer": "open_clip"},
}
# And the words that a key takes one of: {our word: {their name: whose it is}}.
WORDS = {
    "bf16": {"bfloat16": "torch", "amp_bf16": "open_clip", "amp_bfloat16": "open_clip", "bf16-mixed": "Lightning"},
    "fp16": {"float16": "torch", "half": "torch", "amp": "open_clip", "16-mixed": "Lightning"},
    "fp32": {"float32": "torch"},
}
