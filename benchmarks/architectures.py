"""Networks of timm and transformers with random weights and small inputs.

timm imports torchvision, of which it uses a class and some functions that no network here needs:
where torchvision is missing, empty modules stand for it.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

Made = tuple[Any, tuple[Any, ...]]  # a module and its inputs
Factory = Callable[[], Made]


class _Anything(type):
    """The type of classes whose every attribute is such a class."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (), {})


class _Empty(ModuleType):
    """A module whose every name is an empty class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _Anything(name, (), {})
        setattr(self, name, made)
        return made


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds empty modules below a name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, fullname: str, *_: Any) -> Any:
        if fullname.split(".")[0] != self.name:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: Any) -> ModuleType:
        return _Empty(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


def timm() -> ModuleType:
    """Return timm, with or without torchvision."""
    if importlib.util.find_spec("torchvision") is None:
        finder = _Finder("torchvision")
        sys.meta_path.append(finder)
        try:
            import timm as package
        finally:
            sys.meta_path.remove(finder)
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]
    else:
        import timm as package
    return package


def picture(name: str, extent: int, **options: Any) -> Factory:
    """Return a factory for a network of timm on a square picture."""

    def make() -> Made:
        import torch

        torch.manual_seed(0)
        module = timm().create_model(name, pretrained=False, **options).eval()
        for weight in module.parameters():
            if weight.dim() > 1 and not weight.any():  # a head that begins with zeros tells nothing
                torch.nn.init.normal_(weight, std=0.1)
        return module, (torch.randn(1, 3, extent, extent),)

    return make


def words(model: str, config: str, length: int = 12, **options: Any) -> Factory:
    """Return a factory for a network of transformers on tokens."""

    def make() -> Made:
        import torch

        module = _transformer(model, config, options)
        return module, (torch.randint(1, 90, (1, length)),)

    return make


def signal(model: str, config: str, shape: Sequence[int], **options: Any) -> Factory:
    """Return a factory for a network of transformers on pictures or sound."""

    def make() -> Made:
        import torch

        module = _transformer(model, config, options)
        return module, (torch.randn(*shape),)

    return make


def _transformer(model: str, config: str, options: Mapping[str, Any]) -> Any:
    import torch
    import transformers

    torch.manual_seed(0)
    options = {key: item() if callable(item) else item for key, item in options.items()}
    module = getattr(transformers, model)(getattr(transformers, config)(**options))
    return module.eval()


def clip() -> Made:
    """CLIP: a picture and tokens."""
    import torch
    from torch import nn

    text = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4,
            "num_hidden_layers": 2, "vocab_size": 100, "max_position_embeddings": 16,
            "eos_token_id": 99, "bos_token_id": 98, "pad_token_id": 0}  # fmt: skip
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4,
              "num_hidden_layers": 2, "image_size": 32, "patch_size": 8}  # fmt: skip
    module = _transformer(
        "CLIPModel", "CLIPConfig",
        {"text_config": text, "vision_config": vision, "projection_dim": 16},
    )  # fmt: skip

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.clip = module

        def forward(self, ids: Any, pixels: Any) -> Any:
            found = self.clip(input_ids=ids, pixel_values=pixels)
            return found.logits_per_image, found.text_embeds, found.image_embeds

    return Both().eval(), (torch.randint(1, 90, (2, 10)), torch.randn(1, 3, 32, 32))


def detr() -> Made:
    """DETR without its post-processing, on a ResNet of transformers."""
    import torch
    import transformers

    torch.manual_seed(0)
    backbone = transformers.ResNetConfig(
        embedding_size=16, hidden_sizes=[16, 32, 64, 64], depths=[1, 1, 1, 1],
        layer_type="basic", out_features=["stage4"],
    )  # fmt: skip
    config = transformers.DetrConfig(
        use_timm_backbone=False, backbone=None, use_pretrained_backbone=False,
        backbone_config=backbone, d_model=32, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64,
        decoder_ffn_dim=64, num_queries=10,
    )  # fmt: skip
    return transformers.DetrForObjectDetection(config).eval(), (torch.randn(1, 3, 64, 64),)


SMALL: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
    "vocab_size": 100, "max_position_embeddings": 64,
}  # fmt: skip
CACHELESS = {**SMALL, "use_cache": False}
GROUPED = {**CACHELESS, "num_key_value_heads": 2}

PICTURES: Mapping[str, Factory] = {
    **{
        name: picture(name, 64)
        for name in (
            "resnet18", "resnet50", "resnext50_32x4d", "seresnet50", "res2net50_14w_8s",
            "densenet121", "dla46_c", "hrnet_w18_small", "repvgg_a0", "mobilenetv2_100",
            "mobilenetv3_large_100", "mobilenetv4_conv_small", "mobileone_s0", "efficientnet_b0",
            "tf_efficientnetv2_b0", "ghostnet_100", "mnasnet_100", "lcnet_050", "regnetx_002",
            "regnety_004", "eca_nfnet_l0", "convnext_atto", "convnextv2_atto", "edgenext_xx_small",
            "poolformer_s12", "starnet_s1", "fastvit_t8", "mobilevit_xxs",
        )
    },
    "vit_tiny_patch16": picture("vit_tiny_patch16_224", 64, img_size=64),
    "deit_tiny": picture("deit_tiny_distilled_patch16_224", 64, img_size=64),
    "swin_tiny": picture("swin_tiny_patch4_window7_224", 56, img_size=56),
    "swinv2_tiny": picture("swinv2_tiny_window8_256", 64, img_size=64),
    "cait_xxs24": picture("cait_xxs24_224", 64, img_size=64),
    "xcit_nano": picture("xcit_nano_12_p16_224", 64),
    "volo_d1": picture("volo_d1_224", 64, img_size=64),
    "pit_ti": picture("pit_ti_224", 224),
    "mixer_s32": picture("mixer_s32_224", 224),
    "resmlp_12": picture("resmlp_12_224", 64, img_size=64),
    "gmlp_s16": picture("gmlp_s16_224", 64, img_size=64),
    "coat_lite_tiny": picture("coat_lite_tiny", 64, img_size=64),
    "coatnet_nano": picture("coatnet_nano_rw_224", 64, img_size=64),
    "levit_128s": picture("levit_128s", 224),
    "efficientformer_l1": picture("efficientformer_l1", 224),
    "sequencer2d_s": picture("sequencer2d_s", 56, img_size=56),
    "davit_tiny": picture("davit_tiny", 64),
    "twins_pcpvt_small": picture("twins_pcpvt_small", 64, img_size=64),
}  # fmt: skip

TEXTS: Mapping[str, Factory] = {
    "BERT": words("BertModel", "BertConfig", **SMALL),
    "RoBERTa": words("RobertaModel", "RobertaConfig", **SMALL),
    "DistilBERT": words("DistilBertModel", "DistilBertConfig", dim=32, n_layers=2, n_heads=4,
                        hidden_dim=64, vocab_size=100, max_position_embeddings=64),
    "ALBERT": words("AlbertModel", "AlbertConfig", embedding_size=16, **SMALL),
    "ELECTRA": words("ElectraModel", "ElectraConfig", embedding_size=16, **SMALL),
    "FNet": words("FNetModel", "FNetConfig", hidden_size=32, num_hidden_layers=2,
                  intermediate_size=64, vocab_size=100, max_position_embeddings=64),
    "GPT-2": words("GPT2LMHeadModel", "GPT2Config", n_embd=32, n_layer=2, n_head=4, vocab_size=100,
                   n_positions=64, use_cache=False),
    "GPT-NeoX": words("GPTNeoXModel", "GPTNeoXConfig", **CACHELESS),
    "OPT": words("OPTModel", "OPTConfig", hidden_size=32, num_hidden_layers=2,
                 num_attention_heads=4, ffn_dim=64, vocab_size=100, word_embed_proj_dim=32,
                 max_position_embeddings=64, use_cache=False),
    "BLOOM": words("BloomModel", "BloomConfig", hidden_size=32, n_layer=2, n_head=4,
                   vocab_size=100, use_cache=False),
    "Llama": words("LlamaForCausalLM", "LlamaConfig", **GROUPED),
    "Mistral": words("MistralModel", "MistralConfig", **GROUPED),
    "Qwen2": words("Qwen2Model", "Qwen2Config", **GROUPED),
    "Gemma": words("GemmaModel", "GemmaConfig", head_dim=8, **GROUPED),
    "T5 encoder": words("T5EncoderModel", "T5Config", d_model=32, d_kv=8, d_ff=64, num_layers=2,
                        num_heads=4, vocab_size=100, use_cache=False),
}  # fmt: skip

OTHERS: Mapping[str, Factory] = {
    "Whisper encoder": signal(
        "WhisperForAudioClassification", "WhisperConfig", (1, 80, 64), d_model=32,
        encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=64, max_source_positions=32,
        vocab_size=100, pad_token_id=0, decoder_layers=1, classifier_proj_size=8,
    ),
    "wav2vec 2.0": signal(
        "Wav2Vec2Model", "Wav2Vec2Config", (1, 1600), hidden_size=32, num_hidden_layers=2,
        num_attention_heads=4, intermediate_size=64, conv_dim=(16, 16), conv_stride=(5, 4),
        conv_kernel=(10, 5), num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=4,
    ),
    "ViT": signal(
        "ViTModel", "ViTConfig", (1, 3, 32, 32), hidden_size=32, num_hidden_layers=2,
        num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8,
    ),
    "SegFormer": signal(
        "SegformerForSemanticSegmentation", "SegformerConfig", (1, 3, 64, 64),
        hidden_sizes=[8, 16, 32, 64], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 4, 8],
        decoder_hidden_size=32,
    ),
    "CLIP": clip,
    "DETR": detr,
}  # fmt: skip

ARCHITECTURES: Mapping[str, Factory] = {**PICTURES, **TEXTS, **OTHERS}
