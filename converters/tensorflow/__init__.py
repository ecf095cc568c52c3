"""TensorFlow's formats: what channels-last operators have in common, beside two readers of files.

`lite` reads TFLite flatbuffers without TensorFlow, `graph` reads everything else with it.
"""
