"""Whole models of a few thousand random weights, made and saved here: real files for real libraries, without a download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

__all__ = ("tokenizer", "writing")

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for part in m['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}<|im_start|>assistant\n"
)
SPECIAL = ("<|im_start|>", "<|im_end|>", "<image>")


def tokenizer() -> Any:
    """Give a tokenizer of plain characters and the marks of a chat."""
    tokenizers: Any = pytest.importorskip("tokenizers")
    transformers: Any = pytest.importorskip("transformers")
    alphabet = [chr(code) for code in range(33, 127)] + ["Ġ", "Ċ"]  # a blank and a new line, as bytes are written there
    vocabulary = {char: number for number, char in enumerate((*SPECIAL, *alphabet))}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.add_special_tokens(list(SPECIAL))
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|im_end|>", extra_special_tokens=["<image>"]
    )
    fast.chat_template = TEMPLATE
    return fast


def writing(folder: Path, *, reads: int = 16384) -> Path:
    """Save a model that writes text."""
    transformers: Any = pytest.importorskip("transformers")
    torch: Any = pytest.importorskip("torch")
    words = tokenizer()
    words.save_pretrained(folder)
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(_text(transformers, len(words), reads)).save_pretrained(folder)
    return folder


def _text(transformers: Any, size: int, reads: int) -> Any:
    return transformers.LlamaConfig(
        vocab_size=size, hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=reads, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip


def seeing(folder: Path) -> Path:
    """Save a LLaVA: an eye of CLIP's kind, a model that writes, and what reads pictures and text for them."""
    transformers: Any = pytest.importorskip("transformers")
    torch: Any = pytest.importorskip("torch")
    words = tokenizer()
    size = {"height": 28, "width": 28}
    eye = transformers.CLIPImageProcessorPil(size=size, crop_size=size, do_center_crop=False)
    reader = transformers.LlavaProcessor(
        eye, words, patch_size=14, vision_feature_select_strategy="default", chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )  # fmt: skip
    reader.save_pretrained(folder)
    torch.manual_seed(0)
    vision = transformers.CLIPVisionConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14
    )
    config = transformers.LlavaConfig(
        vision_config=vision,
        text_config=_text(transformers, len(words), 16384),
        image_token_index=SPECIAL.index("<image>"),
    )
    model = transformers.LlavaForConditionalGeneration(config)
    for weights in model.parameters():
        torch.nn.init.normal_(weights, std=0.5)  # far apart, so that what it writes hangs on what it sees
    model.save_pretrained(folder)
    return folder
