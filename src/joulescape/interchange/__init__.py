"""Networks from and to other tools: ONNX files read with their shapes and weights, chosen designs written as ONNX."""
