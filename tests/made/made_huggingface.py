"""Speech models of transformers with random weights, of a few kilobytes."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

SIZE = 16
SMALL = {
    **{"hidden_size": SIZE, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"intermediate_size": SIZE},
}
WAV2VEC = {
    **{"conv_dim": (4, 4), "conv_stride": (5, 64), "conv_kernel": (10, 80)},
    **{"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2},
    **{"num_feat_extract_layers": 2, "do_stable_layer_norm": False},
}
PARAKEET = SMALL | {"conv_kernel_size": 3, "subsampling_conv_channels": 4}
W2V_BERT = SMALL | {"conv_depthwise_kernel_size": 3, "output_hidden_size": SIZE}
SEAMLESS = {
    **{"vocab_size": 8, "hidden_size": SIZE, "speech_encoder_layers": 2},
    **{"speech_encoder_attention_heads": 2, "speech_encoder_intermediate_size": SIZE},
    **{"encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16},
    **{"encoder_attention_heads": 2, "decoder_attention_heads": 2},
    **{"t2u_vocab_size": 8, "t2u_encoder_layers": 1, "t2u_decoder_layers": 1},
    **{"t2u_encoder_ffn_dim": 16, "t2u_decoder_ffn_dim": 16, "t2u_encoder_attention_heads": 2},
    **{"t2u_decoder_attention_heads": 2, "unit_hifi_gan_vocab_size": 8, "unit_embed_dim": 8},
    **{"lang_embed_dim": 4, "spkr_embed_dim": 4, "upsample_initial_channel": 8},
    **{"upsample_rates": [2], "upsample_kernel_sizes": [4], "resblock_kernel_sizes": [3]},
    **{"resblock_dilation_sizes": [[1]], "vocoder_num_langs": 2, "vocoder_num_spkrs": 2},
}
MOONSHINE = {
    **{"vocab_size": 8, "hidden_size": SIZE, "intermediate_size": SIZE},
    **{"encoder_num_hidden_layers": 2, "decoder_num_hidden_layers": 1},
    **{"encoder_num_attention_heads": 2, "decoder_num_attention_heads": 2},
}


def transformers() -> Any:
    return pytest.importorskip("transformers", reason="the extra hf is not installed")


def write(folder: Path, model: str, config: Any, extractor: Any = None) -> Path:
    """A model of transformers' class `model`, and what makes its inputs."""
    torch.manual_seed(0)
    getattr(transformers(), model)(config).save_pretrained(folder)
    if extractor is not None:
        extractor.save_pretrained(folder)
    return folder


def w2v_bert(folder: Path, model: str = "Wav2Vec2BertModel", **changes: Any) -> Path:
    """w2v-BERT 2.0: features of 20 ms, two of 10 ms side by side."""
    config = transformers().Wav2Vec2BertConfig(**W2V_BERT | changes)
    return write(folder, model, config, transformers().SeamlessM4TFeatureExtractor())


def parakeet(folder: Path) -> Path:
    """Parakeet's CTC model: features of 10 ms, of which every eighth stays."""
    encoder = transformers().ParakeetEncoderConfig(**PARAKEET)
    config = transformers().ParakeetCTCConfig(vocab_size=8, encoder_config=encoder, pad_token_id=7)
    return write(folder, "ParakeetForCTC", config, transformers().ParakeetFeatureExtractor())


def moonshine(folder: Path) -> Path:
    """Moonshine: convolutions of the waveform whose strides its configuration does not say."""
    config = transformers().MoonshineConfig(**MOONSHINE)
    extractor = transformers().Wav2Vec2FeatureExtractor(do_normalize=False)
    return write(folder, "MoonshineModel", config, extractor)


def seamless(folder: Path) -> Path:
    """SeamlessM4T: its encoder of speech is one of several parts."""
    config = transformers().SeamlessM4TConfig(**SEAMLESS)
    extractor = transformers().SeamlessM4TFeatureExtractor()
    return write(folder, "SeamlessM4TModel", config, extractor)


def wav2vec_ctc(folder: Path, vocabulary: dict[str, int], **changes: Any) -> Path:
    """wav2vec 2.0 with a CTC head over `vocabulary`, every 20 ms."""
    config = transformers().Wav2Vec2Config(
        **SMALL | WAV2VEC | {"vocab_size": len(vocabulary), "pad_token_id": 0} | changes
    )
    extractor = transformers().Wav2Vec2FeatureExtractor(do_normalize=True)
    write(folder, "Wav2Vec2ForCTC", config, extractor)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    return folder
