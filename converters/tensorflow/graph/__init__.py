"""SavedModels, Keras files, frozen graphs and checkpoints, by means of TensorFlow."""

import os

# said before TensorFlow is imported, which else tells at length what machine it runs on
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
