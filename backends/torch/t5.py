"""Summaries by a T5 of the user's through transformers, as PyramidCLIP has made its own (4.1)."""

import torch
from transformers import AutoTokenizer, T5ForConditionalGeneration

from tandemclip.backends.torch.devices import device
from tandemclip.core.errors import UserError

TASK = "summarize: "  # T5 was trained with its tasks named in front of the text
LONGEST = 512, 40  # tokens of a text, as T5 was trained, and of a summary


class T5:
    """texts -> summaries, by greedy decoding: the same every time.

    folder: as `save_pretrained` writes it, tokenizer included.
    """

    def __init__(self, folder: str):
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = T5ForConditionalGeneration.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"--model {folder} is no T5 with its tokenizer ({reason}); or take --model rules"
            ) from error
        self.model = model.to(device()).eval()

    @torch.no_grad()
    def __call__(self, texts: list[str]) -> list[str]:
        texts = [TASK + text for text in texts]
        inputs = self.tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=LONGEST[0])
        inputs = {name: inputs[name].to(self.model.device) for name in ("input_ids", "attention_mask")}
        ids = self.model.generate(**inputs, max_new_tokens=LONGEST[1], num_beams=1, do_sample=False)
        return [text.strip() for text in self.tokenizer.batch_decode(ids, skip_special_tokens=True)]
