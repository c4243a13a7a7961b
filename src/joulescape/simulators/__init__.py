"""One module or package per physics: cost only, no torch, no optuna."""
