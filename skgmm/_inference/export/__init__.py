"""Fitted mixtures in other formats: scikit-learn, JSON and ONNX."""
