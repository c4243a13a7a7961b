"""Ask and tell (optuna), workers (ray and an in-process twin), evaluation cache, confirm."""
