"""Where the reports of a run go beside its own folder: TensorBoard, JSON lines, MLflow, Weights & Biases."""
