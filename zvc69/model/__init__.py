"""Released models and the backends that run their networks."""
from .backend import BACKENDS, Analysis, Backend, auto_backend, available_backends, create_backend
from .store import Model, installed_models, load_model, model_for_hash

__all__ = ["BACKENDS", "Analysis", "Backend", "Model", "auto_backend", "available_backends", "create_backend", "installed_models",
           "load_model", "model_for_hash"]
