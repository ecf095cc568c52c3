"""Caffe: nets as text (.prototxt) with their weights (.caffemodel), read without Caffe."""
