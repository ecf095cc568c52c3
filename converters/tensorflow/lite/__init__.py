"""TFLite flatbuffers; TensorFlow is not needed."""
