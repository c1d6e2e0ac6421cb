"""Oh-LoRA's core: the models and rules behind the page, without any Gradio."""

__version__ = "0.1.0"
__all__ = ["__version__"]
