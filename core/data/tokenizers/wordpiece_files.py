"""BERT's vocabulary from the files that Hugging Face's tokenizers write: tokenizer.json, or vocab.txt and
tokenizer_config.json.
"""

import json
from pathlib import Path

from tandemclip.core.data.texts import utf8
from tandemclip.core.data.tokenizers.wordpiece import INSIDE, UNKNOWN, Rules, WordPieceTokenizer
from tandemclip.core.errors import UserError

WHOLE, LIST, BESIDE = "tokenizer.json", "vocab.txt", "tokenizer_config.json"


def read(path: Path, vocab_size: int | None = None, lowercase: bool | None = None) -> WordPieceTokenizer:
    """The tokenizer of a folder or a file. vocab_size: None: as many ids as there are tokens. lowercase: None: as the
    files say, and BERT's own default where they do not. UserError where they say another thing.
    """
    file = _file_of(path)
    vocabulary, rules = _of_list(file, lowercase) if file.suffix == ".txt" else _of_json(file)
    if lowercase is not None and rules.lowercase != lowercase:
        found = str(rules.lowercase).lower()
        raise UserError(
            f"tokenizer: {path} is made with lowercase {found}, the config says otherwise; set lowercase: {found}"
        )
    return WordPieceTokenizer.of(vocabulary, rules, 1 + max(vocabulary.values()) if vocab_size is None else vocab_size)


def has_vocabulary(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (WHOLE, LIST))


def _file_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = [path / name for name in (WHOLE, LIST) if (path / name).is_file()]
    if not found:
        raise UserError(f"tokenizer: {path} has neither {WHOLE} nor {LIST}; give the folder of a BERT, or such a file")
    return found[0]


def _text(file: Path) -> str:
    try:
        return utf8(file.read_bytes())
    except OSError as error:
        raise UserError(
            f"tokenizer: {file} cannot be read ({error.strerror}); give BERT's {WHOLE} or {LIST}, or leave `file` out "
            "to train a vocabulary on the captions"
        ) from error
    except ValueError as error:
        raise UserError(f"tokenizer: {file}: {error}") from error


def _object(file: Path) -> dict:
    try:
        found = json.loads(_text(file))
    except ValueError as error:
        raise UserError(f"tokenizer: {file} is no JSON ({error}); give BERT's {WHOLE} or {LIST}") from error
    if not isinstance(found, dict):
        raise UserError(f"tokenizer: {file} holds no object; give BERT's {WHOLE} or {LIST}")
    return found


def _of_list(file: Path, lowercase: bool | None) -> tuple[dict[str, int], Rules]:
    """One token a line, whose number is its id. Of a token that stands twice the last counts, as in BERT's code."""
    lines = _text(file).replace("\r\n", "\n").removesuffix("\n").split("\n")
    beside = file.with_name(BESIDE)
    told = _object(beside) if beside.is_file() else {}
    small = told.get("do_lower_case", True if lowercase is None else lowercase)
    rules = Rules(bool(small), told.get("strip_accents"), bool(told.get("tokenize_chinese_chars", True)))
    return {token: i for i, token in enumerate(lines)}, rules


def _of_json(file: Path) -> tuple[dict[str, int], Rules]:
    described = _object(file)
    model, normalizer = described.get("model") or {}, described.get("normalizer") or {}
    pre_tokenizer = described.get("pre_tokenizer") or {}
    kinds = [part.get("type") for part in (model, normalizer, pre_tokenizer)]
    if kinds != ["WordPiece", "BertNormalizer", "BertPreTokenizer"]:
        raise UserError(
            f"tokenizer: {file} describes {', '.join(map(str, kinds))}; expected BERT's WordPiece, BertNormalizer and "
            "BertPreTokenizer: another tokenizer is not known here"
        )
    marks = model.get("unk_token", UNKNOWN), model.get("continuing_subword_prefix", INSIDE)
    vocabulary = model["vocab"]
    added = [token["content"] for token in described.get("added_tokens", ()) if token["content"] not in vocabulary]
    if marks != (UNKNOWN, INSIDE) or added:
        raise UserError(
            f"tokenizer: {file} has {f'tokens beside its vocabulary ({added[0]})' if added else f'the marks {marks}'}; "
            f"expected BERT's, {UNKNOWN} and {INSIDE}, and nothing added"
        )
    small, accents, chinese = (normalizer.get(k) for k in ("lowercase", "strip_accents", "handle_chinese_chars"))
    return vocabulary, Rules(bool(small), accents, bool(chinese))
