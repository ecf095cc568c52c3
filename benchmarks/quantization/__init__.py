"""What quantization costs in accuracy: trained models on real data, beside onnxruntime.

The networks are those of the tests and samples, whose modules fetch them.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [
    str(ROOT / name) for name in ("samples", "tests") if str(ROOT / name) not in sys.path
]
