"""SavedModels, Keras files, frozen graphs and checkpoints, by means of TensorFlow."""
