"""The table of tokenizers. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.data.tokenizing.tokenizer import Tokenizer
from nntrain.schema import Slot

TOKENIZERS: Final = {
    "bpe": "nntrain.data.tokenizing.bpe:Bpe",
    "byte": "nntrain.data.tokenizing.splitting:Byte",
    "char": "nntrain.data.tokenizing.splitting:Char",
    "pretrained": "nntrain.data.tokenizing.pretrained:PretrainedTokenizer",
    "space": "nntrain.data.tokenizing.splitting:Space",
    "word": "nntrain.data.tokenizing.splitting:Word",
}

AnyTokenizer = Annotated[Tokenizer, Slot("tokenizer", (TOKENIZERS,))]
